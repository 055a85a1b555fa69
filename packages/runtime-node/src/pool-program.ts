/** The program of a pool's process: opens a model and infers what `ModelPool` sends, one call at a time. */
import { deserialize } from "node:v8";
import { AirModel } from "./air-model.js";
import type { PoolAnswer, PoolCall, PoolRequest, PoolSettings } from "./pool-messages.js";

const { location, options } = JSON.parse(process.argv[2]!) as PoolSettings;

// A terminal sends these to all processes of a command. The pool decides when this one ends, so that calls can be finished.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit());

const opening = AirModel.fromPretrained(location, options);
let stop = new AbortController();

async function answer(request: Exclude<PoolRequest, { kind: "stop" }>): Promise<unknown> {
  const { signal } = stop;
  const model = await opening;
  if (request.kind === "open") return model.manifest;
  const { images, options: own } = deserialize(request.call) as PoolCall;
  return model.infer(images as Float32Array, { ...own, signal });
}

/** Without a pool that takes the answer there is nothing left to do. */
const send = (message: PoolAnswer) =>
  process.send?.(message, undefined, undefined, (error) => {
    if (error) process.exit();
  });

process.on("message", (request: PoolRequest) => {
  if (request.kind === "stop") {
    stop.abort();
    return;
  }
  send({ started: true });
  stop = new AbortController();
  answer(request).then(
    (result) => send({ result }),
    (error: unknown) => {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      // Of an error, serialisation keeps no fields of its own. The cause may hold anything, and its words are in the message.
      const { cause: _, ...fields } = error as Record<string, unknown>;
      send({ error: { ...fields, name, message, stack } });
    },
  );
});
