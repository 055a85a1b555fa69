/** The program of a probe's process: it receives the name of a device and answers why the device cannot run a graph. */
import { type Device, whyUnavailable } from "./devices.js";

async function answer(device: Device): Promise<void> {
  process.send!({ reason: await whyUnavailable(device) });
}

process.once("message", (device) => void answer(device as Device));
process.once("disconnect", () => process.exit(0));
