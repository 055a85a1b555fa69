/** Tests that a model's graphs are opened all together or not at all. */
import { ModelFileError } from "@air-onnx/core";
import { afterEach, expect, it, vi } from "vitest";
import { InferenceSession } from "../src/onnxruntime.js";
import { openGraphs, releaseGraphs } from "../src/open-graphs.js";
import { writeModel } from "./onnx-writer.js";
import { tinyConfig, tinyGraphs } from "./tiny-model.js";

const graphs = {
  encoder: writeModel(tinyGraphs.encoder),
  step: writeModel(tinyGraphs.step),
  decoder: writeModel(tinyGraphs.decoder),
};

/** Counts the releases of every session that is opened from here on. */
function watchReleases(): { readonly opened: InferenceSession[]; releases(): number[] } {
  const opened: InferenceSession[] = [];
  const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>;
  vi.spyOn(InferenceSession, "create").mockImplementation(async (...args: unknown[]) => {
    const session = await create(...args);
    vi.spyOn(session, "release");
    opened.push(session);
    return session;
  });
  return { opened, releases: () => opened.map(({ release }) => vi.mocked(release).mock.calls.length) };
}
afterEach(() => void vi.restoreAllMocks());

it("opens and releases every graph", async () => {
  const { opened, releases } = watchReleases();
  const sessions = await openGraphs(graphs, tinyConfig, { threads: 1 });
  expect(opened).toEqual([sessions.encoder, sessions.step, sessions.decoder]);
  expect(releases()).toEqual([0, 0, 0]);
  await releaseGraphs(sessions);
  expect(releases()).toEqual([1, 1, 1]);
});

it("releases the open graphs when a later one cannot be loaded, and names that one", async () => {
  const { releases } = watchReleases();
  const opening = openGraphs({ ...graphs, step: Uint8Array.of(1, 2, 3) }, tinyConfig, { threads: 1 });
  await expect(opening).rejects.toThrow(ModelFileError);
  await expect(opening).rejects.toThrow(/onnxruntime cannot load the step graph on cpu: /);
  expect(releases()).toEqual([1]);
});

it("also releases a graph with wrong inputs or outputs, and names it by nameOf", async () => {
  const { releases } = watchReleases();
  const opening = openGraphs({ ...graphs, decoder: graphs.encoder }, tinyConfig, {
    threads: 1,
    nameOf: (graph) => `onnx/${graph}.onnx`,
  });
  await expect(opening).rejects.toThrow(
    /^onnx\/decoder\.onnx is not the decoder graph of this model: it has no input "z_where"/,
  );
  expect(releases()).toEqual([1, 1, 1]);
});

it("stops between two graphs when aborted, with the signal's reason, and leaves none open", async () => {
  const { opened, releases } = watchReleases();
  const controller = new AbortController();
  const create = vi.mocked(InferenceSession.create).getMockImplementation()!;
  vi.mocked(InferenceSession.create).mockImplementation(async (...args: Parameters<typeof create>) => {
    const session = await create(...args);
    controller.abort(new Error("enough"));
    return session;
  });
  await expect(openGraphs(graphs, tinyConfig, { threads: 1, signal: controller.signal })).rejects.toThrow("enough");
  expect(opened).toHaveLength(1);
  expect(releases()).toEqual([1]);
});
