/**
 * Writes a tiny model folder: real ONNX graphs of the required form with simple arithmetic. Images have 4x4 pixels; presence
 * depends on how much brighter the image is than the canvas, patches on z_what; each object fills the whole canvas.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GraphName, graphNames, graphSignatures, type Manifest, parseAirConfig } from "@air-onnx/core";
import { type Graph, type Node, writeModel } from "./onnx-writer.js";

export const tinyConfig = parseAirConfig({
  imageSize: 4,
  objectSize: 2,
  lstmSize: 2,
  zWhatSize: 2,
  prior: { presence: 0.3, whereMean: [2, 0, 0], whereStd: [0.2, 0.5, 0.5] },
});

/** Collects nodes and constants; every method returns the name of its result. */
class Builder {
  readonly nodes: Node[] = [];
  readonly weights: Record<string, { shape: number[]; values: number[] }> = {};
  readonly indices: Record<string, number[]> = {};
  #names = 0;

  op(op: string, inputs: string[], output = `v${this.#names++}`, attributes: Record<string, number> = {}): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  weight(shape: number[], value: (index: number) => number): string {
    const name = `w${this.#names++}`;
    this.weights[name] = {
      shape,
      values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
    };
    return name;
  }

  index(...values: number[]): string {
    const name = `i${this.#names++}`;
    this.indices[name] = values;
    return name;
  }

  /** `[B, from] → [B, to]` by fixed weights that differ from each other. */
  linear(input: string, from: number, to: number, size = 0.3): string {
    return this.op("MatMul", [input, this.weight([from, to], (i) => size * Math.sin(1 + i))]);
  }

  reshape(input: string, ...shape: number[]): string {
    return this.op("Reshape", [input, this.index(...shape)]);
  }

  scale(input: string, factor: number): string {
    return this.op("Mul", [input, this.weight([1], () => factor)]);
  }

  sum(input: string): string {
    return this.op("ReduceSum", [input, this.index(1)], undefined, { keepdims: 0 });
  }

  square(input: string): string {
    return this.op("Mul", [input, input]);
  }

  name(input: string, output: string): void {
    this.op("Identity", [input], output);
  }

  build(name: GraphName): Graph {
    return { ...graphSignatures(tinyConfig)[name], nodes: this.nodes, weights: this.weights, indices: this.indices };
  }
}

function encoder(): Graph {
  const b = new Builder();
  const flat = b.reshape("image", 0, 16);
  b.name(b.linear(flat, 16, 8), "image_gates");
  b.name(b.scale(b.sum(b.square(flat)), -5), "log_likelihood");
  return b.build("encoder");
}

/** The patch of z_what, and the canvas with it written, `[B, 16]`. */
function draw(b: Builder, zWhere: string, zWhat: string, flatCanvas: string, presence?: string) {
  const patch = b.op("Sigmoid", [b.linear(zWhat, 2, 4)]);
  const glimpsed = b.op("MatMul", [patch, b.weight([4, 16], (i) => (i % 5 === 0 ? 0.3 : 0.15))]);
  const shifted = b.op("Add", [glimpsed, b.scale(b.linear(zWhere, 3, 16), 0.05)]);
  const written = presence === undefined ? shifted : b.op("Mul", [shifted, b.reshape(presence, 0, 1)]);
  return { patch, canvas: b.op("Add", [flatCanvas, written]) };
}

function step(): Graph {
  const b = new Builder();
  const flat = b.reshape("image", 0, 16);
  const flatCanvas = b.reshape("canvas", 0, 16);
  const recurrent = b.op("Concat", ["hidden", "cell", "z_where", "z_what"], undefined, { axis: 1 });
  const gates = b.op("Add", ["image_gates", b.linear(recurrent, 9, 8)]);
  const hidden = b.op("Tanh", [b.linear(gates, 8, 2)]);
  b.name(hidden, "next_hidden");
  b.name(b.op("Tanh", [b.linear(gates, 8, 2, 0.7)]), "next_cell");

  const left = b.sum(b.op("Sub", [flat, flatCanvas]));
  b.name(b.op("Sub", [b.scale(left, 4), b.weight([1], () => 4)]), "presence_logit");

  const latent = (name: "where" | "what", mean: string, std: string, size: number): string => {
    const drawn = b.op("Add", [mean, b.op("Mul", [std, `eps_${name}`])]);
    b.name(mean, `z_${name}_mean`);
    b.name(std, `z_${name}_std`);
    b.name(drawn, `next_z_${name}`);
    b.name(b.scale(b.sum(b.square(mean)), 0.01 * size), `kl_${name}`);
    return drawn;
  };
  const spread = (size: number): string => b.op("Sigmoid", [b.linear(gates, 8, size)]);
  const mean = b.op("Add", [b.linear(hidden, 2, 3), b.weight([3], (i) => (i === 0 ? 2 : 0))]);
  const zWhere = latent("where", mean, spread(3), 3);
  const glimpse = b.linear(flat, 16, 4);
  b.name(b.reshape(glimpse, 0, 1, 2, 2), "glimpse");
  const zWhat = latent("what", b.linear(glimpse, 4, 2, 2), spread(2), 2);

  const drawing = draw(b, zWhere, zWhat, flatCanvas);
  b.name(b.reshape(drawing.patch, 0, 1, 2, 2), "patch");
  b.name(b.reshape(drawing.canvas, 0, 1, 4, 4), "next_canvas");
  b.name(b.scale(b.sum(b.square(b.op("Sub", [flat, drawing.canvas]))), -5), "log_likelihood");
  return b.build("step");
}

function decoder(): Graph {
  const b = new Builder();
  const drawing = draw(b, "z_where", "z_what", b.reshape("canvas", 0, 16), "presence");
  b.name(b.reshape(drawing.patch, 0, 1, 2, 2), "patch");
  b.name(b.reshape(drawing.canvas, 0, 1, 4, 4), "next_canvas");
  return b.build("decoder");
}

export const tinyGraphs: Readonly<Record<GraphName, Graph>> = { encoder: encoder(), step: step(), decoder: decoder() };

/** Writes the tiny model into a new folder and returns its path. `change` may replace graphs before they are hashed. */
export async function writeTinyModel(change: Partial<Record<GraphName, Graph>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "air-onnx-"));
  await mkdir(join(folder, "onnx"));
  const files: Partial<Manifest["files"]> = {};
  for (const name of graphNames) {
    const content = writeModel({ ...tinyGraphs, ...change }[name]);
    files[name] = {
      path: `onnx/${name}.onnx`,
      size: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
    };
    await writeFile(join(folder, "onnx", `${name}.onnx`), content);
  }
  const manifest: Manifest = {
    format: "air-onnx",
    formatVersion: 1,
    name: "tiny",
    model: tinyConfig,
    normalisation: { scale: 255 },
    opset: 17,
    weights: "float32",
    files: files as Manifest["files"],
    training: { dataset: "none", seed: 0, steps: 0, commit: null, exportedAt: "2026-01-01T00:00:00.000Z" },
    metrics: {},
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(manifest, null, 2));
  return folder;
}

/** `n` different images, `[n, 1, 4, 4]`. */
export function tinyImages(n: number): Float32Array {
  return Float32Array.from(
    { length: 16 * n },
    (_, i) => (Math.sin(i * 1.7) + 1) * 0.5 * ((Math.floor(i / 16) % 5) / 4),
  );
}
