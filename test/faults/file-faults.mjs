/**
 * Makes the k-th file operation below a folder fail, in this process: node:fs and node:fs/promises are wrapped, so that the
 * program under test needs no hooks. As a module for `node --import` it reads its plan from AIR_ONNX_FAULT, such as
 * `{"root":"/tmp/x","at":12,"kind":"kill"}`.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { resolve } from "node:path";
import { Readable } from "node:stream";

const synchronous = [
  ...["openSync", "closeSync", "fsyncSync", "writeSync", "writeFileSync", "appendFileSync", "readFileSync"],
  ...[
    "truncateSync",
    "statSync",
    "readdirSync",
    "mkdirSync",
    "rmdirSync",
    "rmSync",
    "unlinkSync",
    "renameSync",
    "linkSync",
  ],
];
const promised = [
  ...["open", "writeFile", "appendFile", "readFile", "truncate", "stat", "readdir", "mkdir", "rmdir", "rm", "unlink"],
  ...["rename", "link"],
];
const handled = ["writeFile", "appendFile", "write", "readFile", "read", "sync", "truncate", "stat", "close"];
/** Operations that a full disk refuses. */
const allocating = /^(write|append|mkdir|link|rename)/;

/** @type {{ plan: import("./file-faults.mjs").FaultPlan, operations: import("./file-faults.mjs").FileOperation[] } | undefined} */
let current;
/** Of files that were opened below the root. */
const opened = new Map();
let isInstalled = false;

/** What the program under test sees of a process that was killed: nothing it does has an effect any more. */
export class KilledError extends Error {
  name = "KilledError";
}

export function beginFaults(plan) {
  install();
  current = { plan, operations: [] };
}

export function endFaults() {
  const operations = current?.operations ?? [];
  current = undefined;
  opened.clear();
  return operations;
}

/** The path of an operation that counts; undefined if it is none of the program's under test. */
function pathOf(name, args) {
  if (!current) return undefined;
  if (typeof args[0] === "number") return opened.get(args[0]);
  // The other arguments of most are data and options.
  const paths = /^(rename|link)/.test(name) ? args.slice(0, 2) : args.slice(0, 1);
  return paths.find((path) => typeof path === "string" && resolve(path).startsWith(current.plan.root));
}

/**
 * Counts the operation, and fails if its turn has come.
 *
 * @param writeHalf does a half of a write, as a full disk and a kill leave it
 */
function count(name, path, writeHalf) {
  const { plan, operations } = current;
  operations.push({ name, path });
  plan.onOperation?.(operations.length, name, path);
  // What that did may have ended the counting.
  if (!current || plan.at === undefined) return;
  const number = operations.length;
  if (plan.kind === "kill" && number === plan.at) {
    writeHalf();
    process.kill(process.pid, "SIGKILL");
    // The signal comes while this waits.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
  }
  if (plan.kind === "dead" && number >= plan.at) {
    if (number === plan.at) writeHalf();
    throw new KilledError(`killed at ${name} of ${path}`);
  }
  if (plan.kind === "EIO" && number === plan.at) throw failure("EIO", name, path);
  if (plan.kind === "ENOSPC" && number >= plan.at && allocating.test(name)) {
    writeHalf();
    throw failure("ENOSPC", name, path);
  }
}

function failure(code, name, path) {
  return Object.assign(new Error(`${code}: injected fault, ${name} '${path}'`), { code, syscall: name, path });
}

function firstHalf(data) {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  return ArrayBuffer.isView(bytes) ? bytes.subarray(0, Math.floor(bytes.length / 2)) : undefined;
}

function install() {
  if (isInstalled) return;
  isInstalled = true;
  const { appendFileSync, writeFileSync, writeSync, createReadStream } = fs;
  for (const name of synchronous) {
    const real = fs[name];
    fs[name] = (...args) => {
      const path = pathOf(name, args);
      if (path === undefined) return real(...args);
      count(name, path, () => {
        const half = firstHalf(args[1]);
        if (half === undefined) return;
        if (name === "writeFileSync") writeFileSync(args[0], half, args[2]);
        if (name === "appendFileSync") appendFileSync(args[0], half);
        if (name === "writeSync") writeSync(args[0], half);
      });
      const result = real(...args);
      if (name === "openSync") opened.set(result, path);
      if (name === "closeSync") opened.delete(args[0]);
      return result;
    };
  }
  for (const name of promised) {
    const real = fs.promises[name];
    fs.promises[name] = async (...args) => {
      const path = pathOf(name, args);
      if (path === undefined) return real(...args);
      count(name, path, () => {
        const half = firstHalf(args[1]);
        if (half !== undefined && name === "writeFile") writeFileSync(args[0], half, args[2]);
      });
      const result = await real(...args);
      if (name === "open") wrapHandle(result, path);
      return result;
    };
  }
  fs.createReadStream = (...args) => {
    const path = pathOf("createReadStream", args);
    if (path !== undefined) {
      try {
        count("createReadStream", path, () => {});
      } catch (cause) {
        return new Readable({ read() {} }).destroy(cause);
      }
    }
    return createReadStream(...args);
  };
  syncBuiltinESMExports();
}

function wrapHandle(handle, path) {
  for (const name of handled) {
    const real = handle[name].bind(handle);
    handle[name] = async (...args) => {
      if (!current) return real(...args);
      try {
        count(name, path, () => {
          const half = firstHalf(args[0]);
          if (half !== undefined && /^(write|append)/.test(name)) fs.writeSync(handle.fd, half);
        });
      } catch (cause) {
        // The descriptor is not to be lost with the simulated process.
        if (name === "close" || cause instanceof KilledError) await handle.closeReally().catch(() => {});
        throw cause;
      }
      return real(...args);
    };
    if (name === "close") handle.closeReally = real;
  }
}

if (process.env.AIR_ONNX_FAULT) {
  beginFaults(JSON.parse(process.env.AIR_ONNX_FAULT));
  const { report } = current.plan;
  if (report) process.on("exit", () => fs.writeFileSync(report, JSON.stringify(endFaults())));
}
