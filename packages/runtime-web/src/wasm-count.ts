/** Counting what onnxruntime fetches by itself: it reports no progress of its own, and is most of a first visit. */

/**
 * @param report told how many bytes of WebAssembly have arrived so far
 * @param work during which the calling scope's `fetch` is another: for a worker's scope, which is nobody else's, and no
 *   page's
 */
export async function countingWasm(report: (bytes: number) => void, work: () => Promise<void>): Promise<void> {
  const { fetch } = globalThis;
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args);
    // The response itself goes to WebAssembly, as browsers keep the compiled code of untouched responses only.
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
    // Who runs the file is told that it broke off.
  }
}
