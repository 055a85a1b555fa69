/** The configuration of a run: settings that differ from the defaults, the command that trains it again, and all settings. */

import { defaultSettings, settingsOf, type TrainConfig } from "@air-onnx/train/runs";
import { markup } from "../html/markup.js";
import { codeBlock, dataTable, disclosure, type PageSection } from "../html/page.js";

/** @param command the command that trains the run again */
export function configurationSection(config: TrainConfig, command: string): PageSection {
  const { dataset } = config;
  // The path of the user's own images has no default.
  const defaults = defaultSettings(dataset, "path" in config ? { path: config.path } : {});
  const defaultOf = new Map(defaults.map(({ key, value }) => [key, written(value)]));
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
      codeBlock("The command that trains it again", command),
      disclosure("All settings", dataTable({ caption: "All settings", head: ["Setting", "Value"], rows: all })),
    ],
  };
}

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
