/** `air-onnx doctor`: tries which devices, training backends and folders of this machine work. */
import { constants, existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { DeviceStatus } from "@air-onnx/runtime-node";
import type { DataPlaces } from "@air-onnx/scenes";
import type { BackendStatus } from "@air-onnx/train";
import { Command } from "commander";
import { backendChoices } from "../choices.js";
import { addPlaceOptions } from "../dataset-options.js";
import { describeMachine, type Machine, softwareVersions } from "../machine.js";
import { print, printJson } from "../output.js";

/** The result of a try. `reason` explains a failure. */
interface Tried {
  readonly available: boolean;
  readonly reason?: string;
}

interface Diagnosis extends Machine {
  readonly versions: Readonly<Record<string, string>>;
  readonly devices: readonly DeviceStatus[];
  /** Backends of training. */
  readonly backends: readonly BackendStatus[];
  readonly cache: { readonly folder: string; readonly writable: boolean };
  readonly mnist: { readonly folder: string } & Tried;
}

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("Prints versions, cores and memory, and tries every device, training backend and data folder.")
    .option("--json", "print JSON");
  return addPlaceOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ air-onnx doctor
  $ air-onnx doctor --json`,
    )
    .action(async ({ json, ...places }: DataPlaces & { readonly json?: true }) => {
      const { printedMeanwhile } = await import("@air-onnx/runtime-node");
      const diagnosis = await diagnose(places);
      if (json) printJson(diagnosis);
      else print(describe(diagnosis, printedMeanwhile));
    });
}

async function diagnose({ cacheDir, mnistDir }: DataPlaces): Promise<Diagnosis> {
  const { listDevices } = await import("@air-onnx/runtime-node");
  const { defaultCacheDir, environmentMnistDir } = await import("@air-onnx/scenes");
  const { listBackends } = await import("@air-onnx/train");
  const devices = await listDevices();
  const folder = resolve(cacheDir || defaultCacheDir());
  return {
    versions: softwareVersions(),
    ...describeMachine(),
    devices,
    backends: await listBackends(backendChoices, devices),
    cache: { folder, writable: await isWritable(folder) },
    mnist: await findMnist(mnistDir || environmentMnistDir() || join(folder, "mnist"), folder),
  };
}

/** Looks for the MNIST files without downloading them. */
async function findMnist(folder: string, cacheDir: string): Promise<Diagnosis["mnist"]> {
  const { loadMnistPart } = await import("@air-onnx/scenes");
  return { folder, ...(await attempt(() => loadMnistPart("trainImages", { mnistDir: folder, cacheDir }))) };
}

async function attempt(trial: () => Promise<unknown>): Promise<Tried> {
  try {
    await trial();
    return { available: true };
  } catch (cause) {
    return { available: false, reason: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** Tells whether files can be made in `folder`, or in the nearest folder above it that exists. */
async function isWritable(folder: string): Promise<boolean> {
  let place = folder;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  return access(place, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** The last version of Node.js that tfjs-node 4.22 runs on without help. */
const LAST_NODE_OF_TFJS_NODE = 22;

function nodeNote(): string {
  return Number.parseInt(process.versions.node, 10) <= LAST_NODE_OF_TFJS_NODE
    ? ""
    : " (tfjs-node needs functions that this version removed: backends tensorflow and tensorflow-gpu restore them)";
}

/** Advice on a missing WebGPU adapter: onnxruntime's message does not say what an adapter needs. */
function adviceOn({ device, reason }: DeviceStatus): string {
  return device === "webgpu" && reason?.includes("adapter")
    ? " (it needs a GPU with a Vulkan, Metal or Direct3D 12 driver, on Linux also libvulkan.so.1; see docs/accelerators.md)"
    : "";
}

function describe(diagnosis: Diagnosis, printedMeanwhile: (status: DeviceStatus) => string): string {
  const { versions, platform, cores, processor, memoryGigabytes, devices, backends, cache, mnist } = diagnosis;
  const status = ({ available, reason }: Tried): string => (available ? "works" : `no: ${reason}`);
  const sameAsDevice = ({ reason }: Tried): string | undefined => {
    const device = devices.find((other) => reason !== undefined && other.reason === reason);
    return device && `no: see device ${device.device}`;
  };
  const rows = [
    ...Object.entries(versions).map(([name, version]) => [name, `${version}${name === "node" ? nodeNote() : ""}`]),
    ["platform", platform],
    ["processor", `${processor}, ${cores} cores`],
    ["memory", `${memoryGigabytes} GB`],
    ...devices.map((each) => [`device ${each.device}`, `${status(each)}${adviceOn(each)}${printedMeanwhile(each)}`]),
    ...backends.map((each) => [`backend ${each.backend}`, sameAsDevice(each) ?? status(each)]),
    ["cache", `${cache.folder} ${cache.writable ? "(writable)" : "(not writable: choose another by --cache-dir)"}`],
    ["MNIST", mnist.available ? `found in ${mnist.folder}` : `not found: ${mnist.reason}`],
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  return rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join("\n");
}
