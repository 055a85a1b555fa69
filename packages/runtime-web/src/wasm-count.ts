/** Counts the WebAssembly that onnxruntime fetches. onnxruntime reports no progress, and its file is most of a first visit. */

/**
 * Replaces `fetch` of the calling scope during `work`, to count the bytes of WebAssembly. Only for a worker that belongs to
 * the model, never for a page.
 *
 * @param report called with the bytes that have arrived so far
 */
export async function countingWasm(report: (bytes: number) => void, work: () => Promise<void>): Promise<void> {
  const { fetch } = globalThis;
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args);
    // A clone is counted: browsers cache compiled code only for the original response.
    if (response.ok && new URL(response.url).pathname.endsWith(".wasm")) void count(response.clone(), report);
    return response;
  };
  try {
    await work();
  } finally {
    globalThis.fetch = fetch;
  }
}

async function count({ body }: Response, report: (bytes: number) => void): Promise<void> {
  const reader = body?.getReader();
  let received = 0;
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done || value === undefined) return;
      received += value.length;
      report(received);
    }
  } catch {
    // The consumer of the original response reports the failure.
  }
}
