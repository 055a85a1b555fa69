/** Tests a pool of processes: its results, and what is left of calls that are given up, crash, or come when it closes. */
import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { linux } from "@air-onnx/test/requirements";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AirModel, ImageError, ModelFileError, ModelPool, ModelPoolError } from "../src/index.js";
import { writeTinyModel } from "./tiny-model.js";

const digits = fileURLToPath(new URL("../../../models/multi-mnist", import.meta.url));
let tiny: string;
beforeAll(async () => {
  tiny = await writeTinyModel();
});
afterAll(() => rm(tiny, { recursive: true, force: true }));

const grey = (size: number, value: number) => ({
  ...{ width: size, height: size, channels: 1 },
  data: Uint8Array.from({ length: size * size }, (_, i) => (value + 37 * i) % 256),
});
const one = new Float32Array(16);
/** Images that one process works on for seconds, in short batches. */
const many = new Float32Array(30_000 * 16);
const slow = { pixels: false, batchSize: 1 } as const;

/** The process ids of this process's children. */
function children(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        const isOurs = new RegExp(`^PPid:\\s*${process.pid}$`, "m").test(status);
        return (
          isOurs &&
          !/^State:\s*Z/m.test(status) &&
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pool-program")
        );
      } catch {
        return false; // It has ended meanwhile.
      }
    });
}

describe("a pool", () => {
  it("infers what the model infers, of batches, pixels and options", async () => {
    await using model = await AirModel.fromPretrained(tiny);
    await using pool = await ModelPool.open(tiny, { processes: 2, threads: 1 });
    expect(pool.manifest).toEqual(model.manifest);
    const pictures = [grey(4, 10), grey(4, 90), grey(4, 200)];
    const batch = Float32Array.from({ length: 5 * 16 }, (_, i) => (i % 7) / 7);
    const [whole, summaries, sampled, first] = await Promise.all([
      pool.infer(pictures),
      pool.infer(batch.subarray(16), { pixels: false }),
      pool.infer(pictures, { mode: "sample", seed: 3 }),
      pool.infer(pictures[0]!),
    ]);
    expect(whole).toEqual(await model.infer(pictures));
    expect(summaries).toEqual(await model.infer(batch.subarray(16), { pixels: false }));
    expect(sampled).toEqual(await model.infer(pictures, { mode: "sample", seed: 3 }));
    expect(first).toEqual([whole[0]]);
    expect([pool.running, pool.queued]).toEqual([0, 0]);
  });

  it("infers files of any size, from bytes and by URL", async () => {
    await using pool = await ModelPool.open(digits, { processes: 1 });
    const file = new URL("../../../examples/two-digits.png", import.meta.url);
    const [byUrl, byBytes] = await pool.infer([file, readFileSync(file)]);
    for (const scene of [byUrl, byBytes]) expect(scene).toMatchObject({ count: 2, width: 50, height: 50 });
  });

  it("reports errors of the class that the model throws, and goes on", async () => {
    await using pool = await ModelPool.open(tiny, { processes: 1 });
    const wrong = pool.infer([grey(4, 1), grey(5, 1)]);
    await expect(wrong).rejects.toBeInstanceOf(ImageError);
    await expect(wrong).rejects.toMatchObject({ name: "ImageError", index: 1, problem: /5x5/ });
    // biome-ignore lint/suspicious/noSparseArray: a hole must not become a black image.
    await expect(pool.infer([grey(4, 1), , grey(4, 1)] as never)).rejects.toBeInstanceOf(ImageError);
    await expect(pool.infer(grey(4, 1), { batchsize: 1 } as never)).rejects.toThrow(
      new RangeError("infer has no option batchsize. Did you mean batchSize?"),
    );
    await expect(pool.infer(grey(4, 1), { onStep: () => undefined } as never)).rejects.toThrow(/no option onStep/);
    await expect(pool.infer(new Blob([]) as never)).rejects.toThrow(/arrayBuffer/);
    await expect(pool.infer({ ...grey(4, 1), toString: () => "" } as never)).rejects.toBeInstanceOf(ImageError);
    await expect(pool.infer(grey(4, 1), { timeLimit: 0 })).rejects.toThrow(RangeError);
    expect(await pool.infer(grey(4, 1))).toHaveLength(1);
  });

  it("is not opened without a model", async () => {
    const nowhere = ModelPool.open("no/such/model", { processes: 2, localFilesOnly: true });
    await expect(nowhere).rejects.toBeInstanceOf(ModelFileError);
    await expect(ModelPool.open(tiny, { processes: 0 })).rejects.toThrow(/processes must be an integer/);
    const reason = new Error("no longer wanted");
    await expect(ModelPool.open(digits, { processes: 1, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const opening = ModelPool.open(digits, { processes: 1, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 20);
    await expect(opening).rejects.toBe(reason);
  });
});

describe("a call that is not answered", () => {
  it("is refused when the queue is full, and leaves it when aborted or late", async () => {
    await using pool = await ModelPool.open(tiny, { processes: 1, maxQueue: 2 });
    const [running, waiting] = [new AbortController(), new AbortController()];
    const reasons = [new Error("the client is gone"), new Error("so is the other")] as const;
    const calls = [
      pool.infer(many, { ...slow, signal: running.signal }),
      pool.infer(one, { signal: waiting.signal }),
      pool.infer(one, { timeLimit: 50 }),
    ];
    const outcomes = Promise.allSettled(calls);
    expect([pool.running, pool.queued]).toEqual([1, 2]);
    await expect(pool.infer(one)).rejects.toMatchObject({ name: "ModelPoolError", kind: "full" });
    await expect(calls[2]).rejects.toMatchObject({ kind: "time", message: "There was no result within 50 ms" });
    waiting.abort(reasons[1]);
    await expect(calls[1]).rejects.toBe(reasons[1]);
    expect([pool.running, pool.queued]).toEqual([1, 0]);
    running.abort(reasons[0]);
    await expect(calls[0]).rejects.toBe(reasons[0]);
    await outcomes;
    expect(await pool.infer(one)).toHaveLength(1);
  });

  linux.it("ends at its next batch, in a process that goes on", async () => {
    await using pool = await ModelPool.open(tiny, { processes: 1, grace: 120_000 });
    const before = children();
    for (let i = 0; i < 3; i++) {
      await expect(pool.infer(many, { ...slow, timeLimit: 200 })).rejects.toMatchObject({ kind: "time" });
      expect(await pool.infer(one)).toHaveLength(1);
    }
    expect(before).toHaveLength(1);
    expect(children()).toEqual(before);
  });

  linux.it("that hangs has its process ended, and another takes its place", async () => {
    await using pool = await ModelPool.open(tiny, { processes: 1, threads: 1, grace: 100 });
    const [before] = children();
    process.kill(before!, "SIGSTOP");
    await expect(pool.infer(one, { timeLimit: 100 })).rejects.toMatchObject({ kind: "time" });
    expect(await pool.infer(one)).toHaveLength(1);
    const [after] = children();
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
  });

  linux.it("crashes alone with its process", async () => {
    await using pool = await ModelPool.open(tiny, { processes: 2, threads: 1 });
    let isOver = false;
    const hit = Promise.allSettled([pool.infer(many, slow), pool.infer(many, slow)]).finally(() => {
      isOver = true;
    });
    // A call whose process ends before it has the call goes to another one, once.
    while (!isOver) {
      for (const pid of children()) process.kill(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const outcome of await hit) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { name: "ModelPoolError", kind: "crashed" } });
    }
    expect(await pool.infer(one)).toHaveLength(1);
  });

  linux.it("there is none when processes end that are idle", async () => {
    await using pool = await ModelPool.open(tiny, { processes: 2, threads: 1 });
    for (let round = 0; round < 2; round++) {
      for (const pid of children()) process.kill(pid, "SIGKILL");
      const both = await Promise.all([0, 1].map(() => pool.infer(one)));
      expect(both.map(({ length }) => length)).toEqual([1, 1]);
    }
  });
});

describe("disposing of a pool", () => {
  it("answers the calls that were made, and refuses others", async () => {
    const pool = await ModelPool.open(tiny, { processes: 1, threads: 1 });
    const calls = Array.from({ length: 4 }, () => pool.infer(many.subarray(0, 500 * 16), { pixels: false }));
    const disposal = pool.dispose();
    expect(pool.dispose()).toBe(disposal);
    await expect(pool.infer(one)).rejects.toMatchObject({ kind: "closed" });
    for (const scenes of await Promise.all(calls)) expect(scenes).toHaveLength(500);
    await disposal;
    if (process.platform === "linux") expect(children()).toEqual([]);
  });

  it("gives up what takes longer than its limit", async () => {
    const pool = await ModelPool.open(tiny, { processes: 1, threads: 1 });
    const calls = [pool.infer(many, slow), pool.infer(one)];
    const outcomes = Promise.allSettled(calls);
    await pool.dispose({ timeLimit: 200 });
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { kind: "closed" } });
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(ModelPoolError);
    }
    if (process.platform === "linux") expect(children()).toEqual([]);
  });
});
