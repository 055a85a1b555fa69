/** Memory that is given back without waiting for the garbage collector. */

/**
 * Frees the memory of `arrays` at once; they are empty from then on. onnxruntime-node returns every result in new memory,
 * tens of megabytes for each training step: the garbage collector would first let many of them accumulate.
 */
export function freeArrays(arrays: readonly Float32Array<ArrayBuffer>[]): void {
  const { port1, port2 } = new MessageChannel();
  // The buffers are transferred to a port that closes, and are freed with the message that nobody receives.
  port1.postMessage(
    undefined,
    arrays.map(({ buffer }) => buffer),
  );
  port1.close();
  port2.close();
}
