/** How a run was configured: what differs from the defaults, the command that trains it again, and all settings. */
import {
  codeBlock,
  dataTable,
  disclosure,
  markup,
  type PageSection,
  parseTrainConfig,
  type TrainConfig,
} from "@air-onnx/train";
import { commandFor, settingsOf } from "../train-settings.js";

/** @param name of the run folder, which the command makes again */
export async function configurationSection(config: TrainConfig, name: string): Promise<PageSection> {
  const { dataset } = config;
  // Where the user's own images are has no default.
  const defaults = parseTrainConfig(
    dataset === "npz" || dataset === "png-folder" ? { dataset, path: config.path } : { dataset },
  );
  const defaultOf = new Map(settingsOf(defaults).map(({ key, value }) => [key, written(value)]));
  const all = settingsOf(config).map(({ key, value }) => [key, written(value)] as const);
  const changed = [
    ...all.flatMap(([key, value]) =>
      value === defaultOf.get(key) ? [] : [[key, value, defaultOf.get(key) ?? "not set"]],
    ),
    ...[...defaultOf].flatMap(([key, value]) =>
      all.some(([other]) => other === key) ? [] : [[key, "not set", value]],
    ),
  ];
  return {
    title: "Configuration",
    body: [
      changed.length > 0
        ? dataTable({
            caption: `Settings that differ from the defaults of data set ${dataset}`,
            head: ["Setting", "Value", "Default"],
            rows: changed,
          })
        : markup`<p>All settings are the defaults of data set ${dataset}.</p>`,
      markup`<p>The command that trains it again:</p>`,
      codeBlock("The command that trains it again", `${await commandFor(config)} --out runs/${quoted(name)}`),
      disclosure("All settings", dataTable({ caption: "All settings", head: ["Setting", "Value"], rows: all })),
    ],
  };
}

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A word of a command line, for a POSIX shell. */
function quoted(text: string): string {
  return /^[\w.,:/=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
