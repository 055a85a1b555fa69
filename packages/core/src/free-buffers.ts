/** Memory that is given back without waiting for the garbage collector. */

let closedPort: InstanceType<typeof MessageChannel>["port1"] | undefined;

/**
 * Frees the memory of `buffers` at once; they are empty from then on. onnxruntime-node returns every result in new memory:
 * the garbage collector would let many megabytes of them accumulate, and look through everything that the program holds
 * each time.
 */
export function freeBuffers(buffers: readonly ArrayBuffer[]): void {
  if (closedPort === undefined) {
    closedPort = new MessageChannel().port1;
    closedPort.close();
  }
  // A port that is closed takes the buffers over, and frees them with the message that it does not send.
  closedPort.postMessage(undefined, [...buffers]);
}
