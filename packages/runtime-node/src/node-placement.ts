/**
 * Finds out which execution provider runs each node of a graph. A provider that lacks a kernel silently leaves the node to
 * the CPU, and every such node may cost two copies between the device and the CPU.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSession, type Device } from "./devices.js";
import { type InferenceSession, Tensor } from "./onnxruntime.js";

/** Number of nodes that each provider ran, by operator: `{ CPUExecutionProvider: { Shape: 3 } }`. */
export type NodePlacement = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * Runs a graph once under onnxruntime's profiler, with zeros as its inputs, and counts the nodes of each provider.
 *
 * @param graph the serialised ONNX model
 * @param size value of every symbolic dimension
 * @throws {TypeError} for an input that is not float32; the graphs of this project have only such inputs
 */
export async function placeNodes(graph: Uint8Array, device: Device, size = 1): Promise<NodePlacement> {
  const folder = await mkdtemp(join(tmpdir(), "air-onnx-profile-"));
  try {
    const session = await createSession(graph, device, {
      enableProfiling: true,
      profileFilePrefix: join(folder, "run"),
    });
    try {
      await session.run(zeros(session, size));
      session.endProfiling();
    } finally {
      await session.release();
    }
    const [file] = await readdir(folder);
    return countNodes(JSON.parse(await readFile(join(folder, file!), "utf8")) as ProfileEvent[]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Counts all nodes, and those on the CPU by operator. */
export function cpuNodes(placement: NodePlacement): {
  readonly total: number;
  readonly cpu: Readonly<Record<string, number>>;
} {
  const counts = Object.values(placement).flatMap((operators) => Object.values(operators));
  return { total: counts.reduce((sum, count) => sum + count, 0), cpu: placement.CPUExecutionProvider ?? {} };
}

/** One event of onnxruntime's profile. The name of a node's computation ends with `_kernel_time`. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

function countNodes(events: readonly ProfileEvent[]): NodePlacement {
  const placement: Record<string, Record<string, number>> = {};
  for (const { cat, name, args } of events) {
    if (cat !== "Node" || !name.endsWith("_kernel_time") || !args?.provider || !args.op_name) continue;
    placement[args.provider] ??= {};
    const operators = placement[args.provider]!;
    operators[args.op_name] = (operators[args.op_name] ?? 0) + 1;
  }
  return placement;
}

function zeros(session: InferenceSession, size: number): Record<string, Tensor> {
  return Object.fromEntries(
    session.inputMetadata.map((input) => {
      if (!input.isTensor || input.type !== "float32") throw new TypeError(`The input ${input.name} is not of float32`);
      const shape = input.shape.map((dim) => (typeof dim === "number" ? dim : size));
      const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
      return [input.name, new Tensor("float32", data, shape)];
    }),
  );
}
