/** Compares WebAssembly and WebGPU on the same images: the time per image, and whether the counts agree. */
import type { Scene } from "@air-onnx/core";
import { type AirModel, type Device, listDevices } from "@air-onnx/runtime-web";
import { byId, make } from "./elements.js";
import { median } from "./pace.js";
import type { Raster } from "./raster.js";

const devices: readonly (readonly [device: Device, name: string])[] = [
  ["wasm", "WebAssembly"],
  ["webgpu", "WebGPU"],
];
const WARM_UP = 4;
const BATCH_ROUNDS = 3;
/** Most time for each part of the measurement, ms; a slower device is measured on fewer images or in fewer rounds. */
const PATIENCE = 8000;

interface Measurement {
  /** Median time of a call with one image, ms. */
  readonly single: number;
  /** Time per image of a call with all images, best of several rounds, ms. */
  readonly batched: number;
  readonly counts: readonly number[];
}

/** Opens the model on a device. */
type OpenOn = (device: Device) => Promise<AirModel>;

/** Measures all devices and fills the page's table. The row of an unavailable device gives the reason. */
export async function compareDevices(open: OpenOn, images: readonly Raster[]): Promise<void> {
  const status = byId("compare-status", HTMLElement);
  const body = byId("compare-rows", HTMLElement);
  const rows: HTMLElement[] = [];
  let first: Measurement | undefined;
  const software = new Set((await listDevices()).filter((each) => each.software).map((each) => each.device));
  for (const [device, plainName] of devices) {
    const name = software.has(device) ? `${plainName}, in software` : plainName;
    status.textContent = `Measuring ${name}…`;
    try {
      const measured = await measure(open, device, images);
      first ??= measured;
      const alike = measured.counts.filter((count, i) => count === first?.counts[i]).length;
      rows.push(
        row(name, [milliseconds(measured.single), milliseconds(measured.batched), `${alike} of ${images.length}`]),
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const cell = make("td", { colSpan: 3, textContent: `Not available: ${reason}` });
      rows.push(make("tr", {}, make("th", { scope: "row", textContent: name }), cell));
    }
    const rest = devices.slice(rows.length).map(([, other]) => row(other, ["…", "…", "…"]));
    body.replaceChildren(...rows, ...rest);
  }
  status.textContent = `${images.length} images, measured just now.`;
}

async function measure(open: OpenOn, device: Device, images: readonly Raster[]): Promise<Measurement> {
  const model = await open(device);
  try {
    // Warms up both batch sizes: a GPU compiles programs for each.
    for (const image of images.slice(0, WARM_UP)) await model.infer(image);
    await model.infer(images);
    const durations: number[] = [];
    const enough = performance.now() + PATIENCE;
    for (const image of images) {
      const start = performance.now();
      if (start > enough) break;
      await model.infer(image);
      durations.push(performance.now() - start);
    }
    let batched = Number.POSITIVE_INFINITY;
    let scenes: readonly Scene[] = [];
    const batchedEnough = performance.now() + PATIENCE;
    for (let round = 0; round < BATCH_ROUNDS; round++) {
      const start = performance.now();
      if (round > 0 && start > batchedEnough) break;
      scenes = await model.infer(images);
      batched = Math.min(batched, (performance.now() - start) / images.length);
    }
    return { single: median(durations), batched, counts: scenes.map(({ count }) => count) };
  } finally {
    await model.dispose();
  }
}

function row(name: string, cells: readonly string[]): HTMLElement {
  return make(
    "tr",
    {},
    make("th", { scope: "row", textContent: name }),
    ...cells.map((textContent) => make("td", { textContent })),
  );
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}
