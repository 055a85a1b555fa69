/**
 * The executable as the child of another `air-onnx`: it stops in good order, with a checkpoint if it trains, when its
 * parent closes the channel between them or is gone, however it went.
 */
if (!process.connected) process.exit(143);
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// The channel alone is no reason to go on living.
process.channel?.unref();
// Nobody may be there to read what is said while stopping.
process.stderr.on("error", () => {});

await import("./bin.js");

export {};
