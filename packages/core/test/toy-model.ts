/**
 * A toy model in plain arithmetic in place of the three graphs. The image's t-th pixel sets the presence at step t, so
 * that a test chooses counts by its images. Every output depends on all inputs that the real graphs use for it.
 */
import { type InferenceSession, Tensor } from "onnxruntime-common";
import { parseAirConfig } from "../src/config.js";
import type { GraphSession } from "../src/graph-run.js";
import { type GraphName, graphSignatures } from "../src/graphs.js";

export const toyConfig = parseAirConfig({
  imageSize: 4,
  objectSize: 2,
  lstmSize: 2,
  zWhatSize: 2,
  prior: { presence: 0.2 },
});
const PIXELS = 16;

/** Logit of presence that a pixel stands for: 0 is surely absent, 1 surely present, 0.5 even. */
export const toyLogit = (pixel: number): number => 40 * (Math.fround(pixel) - 0.5);

/** An image whose first pixels are `presence`; the rest is dark. */
export function toyImage(...presence: number[]): Float32Array {
  const image = new Float32Array(PIXELS);
  image.set(presence);
  return image;
}

export function toyBatch(images: readonly Float32Array[]): Float32Array {
  return Float32Array.from(images.flatMap((image) => [...image]));
}

type Rows = Record<string, number[]>;
type Compute = (inputs: Rows) => Rows;

/** A session that applies `compute` to each image of a batch, and checks its inputs against the graph's signature. */
export class ToySession implements GraphSession {
  readonly #name: GraphName;
  readonly #compute: Compute;
  /** Batch size and requested outputs of every run. */
  readonly runs: { batch: number; outputs: readonly string[] }[] = [];

  constructor(name: GraphName, compute: Compute) {
    this.#name = name;
    this.#compute = compute;
  }

  async run(feeds: InferenceSession.FeedsType, outputs: readonly string[]): Promise<InferenceSession.ReturnType> {
    const signature = graphSignatures(toyConfig)[this.#name];
    const fed = feeds as Record<string, Tensor>;
    const batch = Object.values(fed)[0]!.dims[0]!;
    this.runs.push({ batch, outputs });
    if (Object.keys(fed).sort().join() !== Object.keys(signature.inputs).sort().join()) {
      throw new Error(`The ${this.#name} graph was fed ${Object.keys(fed).join()}`);
    }
    for (const [name, shape] of Object.entries<readonly number[]>(signature.inputs)) {
      if (fed[name]!.dims.join() !== [batch, ...shape].join())
        throw new Error(`${name} is [${fed[name]!.dims.join()}]`);
    }
    const rows = Array.from({ length: batch }, (_, i) =>
      this.#compute(
        Object.fromEntries(
          Object.entries(fed).map(([name, { data }]) => {
            const size = data.length / batch;
            return [name, [...(data as Float32Array).subarray(i * size, (i + 1) * size)]];
          }),
        ),
      ),
    );
    const shapes: Record<string, readonly number[]> = signature.outputs;
    return Object.fromEntries(
      outputs.map((name) => {
        const data = Float32Array.from(rows.flatMap((row) => row[name]!));
        const dims = [batch, ...shapes[name]!];
        const fits = data.length === dims.reduce((a, b) => a * b);
        return [name, new Tensor("float32", data, fits ? dims : [data.length])];
      }),
    );
  }
}

const squaredDistance = (a: number[], b: number[]): number => a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0);
/** The value that the toy model draws, from float32 latents, so that decoder and step draw the same. */
const drawn = (zWhere: number[], zWhat: number[]): number =>
  0.1 * Math.fround(zWhere[0]!) + 0.01 * Math.fround(zWhat[0]!) + 0.02 * Math.fround(zWhat[1]!);

/** Sessions of the toy model. `change` may replace outputs of its step. */
export function toySessions(change: (outputs: Rows, step: number) => Rows = (outputs) => outputs) {
  const encoder = new ToySession("encoder", ({ image }) => ({
    image_gates: new Array<number>(8).fill(image!.reduce((a, b) => a + b)),
    log_likelihood: [-squaredDistance(image!, new Array(PIXELS).fill(0))],
  }));
  const step = new ToySession("step", (inputs) => {
    const { image, image_gates, hidden, cell, z_where, z_what, canvas, eps_where, eps_what } = inputs as Record<
      keyof ReturnType<typeof graphSignatures>["step"]["inputs"],
      number[]
    >;
    const k = hidden[0]!;
    if (cell[0] !== -k) throw new Error("cell and hidden are of different steps");
    const where = [2 + image[k]!, 0.1 * k, -0.1].map((mean, a) => mean + 0.1 * z_where[a]! + 0.3 * eps_where[a]!);
    const what = [k, image_gates[0]!].map((mean, a) => mean + 0.5 * z_what[a]! + eps_what[a]!);
    const next = canvas.map((v) => v + drawn(where, what));
    const outputs: Rows = {
      next_hidden: [k + 1, 0],
      next_cell: [-k - 1, 0],
      next_z_where: where,
      next_z_what: what,
      next_canvas: next,
      presence_logit: [toyLogit(image[k]!)],
      kl_where: [0.25 + k],
      kl_what: [0.5 * what[1]! ** 2],
      log_likelihood: [-squaredDistance(image, next)],
      glimpse: image.slice(k, k + 4),
      patch: new Array<number>(4).fill(drawn(where, what)),
    };
    return change(outputs, k + 1);
  });
  const decoder = new ToySession("decoder", ({ z_where, z_what, presence, canvas }) => ({
    patch: new Array<number>(4).fill(drawn(z_where!, z_what!)),
    next_canvas: canvas!.map((v) => v + presence![0]! * drawn(z_where!, z_what!)),
  }));
  return { encoder, step, decoder };
}
