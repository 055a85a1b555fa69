/** The worker's side of a model: starts onnxruntime, opens one model, and answers the page's calls. */
import type { StepReport } from "@air-onnx/core";
import type { Device } from "./devices.js";
import { errorToMessage } from "./error-message.js";
import type { ModelCalls } from "./model-calls.js";
import { type Ort, startOnnxRuntime } from "./onnxruntime.js";
import { openModel } from "./open-model.js";
import { countingWasm } from "./wasm-count.js";
import type { Call, ToPage, ToWorker } from "./worker-messages.js";

/** A running call. */
interface Pending {
  readonly controller: AbortController;
  stepDone: (() => void) | undefined;
}

/** Answers the page's messages with the given edition of onnxruntime. */
export function serve(ort: Ort, device: Device): void {
  let model: ModelCalls | undefined;
  const pending = new Map<number, Pending>();
  const post = (message: ToPage, transfer: Transferable[] = []): void => globalThis.postMessage(message, { transfer });

  const work = async (id: number, call: Call, own: Pending): Promise<unknown> => {
    const { signal } = own.controller;
    if (call.call === "start") {
      await countingWasm(
        (progress) => post({ id, progress }),
        () => startOnnxRuntime(ort, device, call.settings),
      );
      return undefined;
    }
    if (call.call === "open") {
      model = await openModel(ort, device, { ...call.options, signal });
      return undefined;
    }
    if (!model) throw new Error("The worker was asked before it opened a model");
    switch (call.call) {
      case "infer": {
        const onStep = (step: StepReport): Promise<void> =>
          new Promise((resolve) => {
            own.stepDone = resolve;
            post({ id, step });
          });
        return model.infer(call.images, { ...call.options, signal, onStep: call.reportSteps ? onStep : undefined });
      }
      case "inferPictures":
        return model.inferPictures(call.pictures, {
          ...call.options,
          signal,
          onProgress: (progress, total) => post({ id, progress, total }),
        });
      case "evidence":
        return model.evidence(call.images, {
          ...call.options,
          signal,
          onProgress: (progress) => post({ id, progress }),
        });
      case "decode":
        return model.decode(call.scenes, { ...call.options, signal });
      case "sample":
        return model.sample(call.n, { ...call.options, signal });
      case "dispose":
        return model.dispose();
    }
  };

  const answer = async (id: number, call: Call): Promise<void> => {
    const own: Pending = { controller: new AbortController(), stepDone: undefined };
    pending.set(id, own);
    try {
      const result = await work(id, call, own);
      post({ id, result }, [...buffersOf(result)]);
    } catch (error) {
      post({ id, error: errorToMessage(error) });
    } finally {
      pending.delete(id);
    }
  };

  globalThis.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
    const { id } = data;
    if ("abort" in data) {
      pending.get(id)?.controller.abort();
      // Ends the wait for the page's onStep.
      pending.get(id)?.stepDone?.();
      return;
    }
    if ("stepDone" in data) {
      pending.get(id)?.stepDone?.();
      return;
    }
    void answer(id, data);
  });
}

/** Collects the memory of all typed arrays in a result, to be transferred to the page. */
function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (typeof value === "object" && value !== null) {
    for (const each of Object.values(value)) buffersOf(each, found);
  }
  return found;
}
