/**
 * `npm run bundle`: everything that air-onnx needs on a machine of this system and processor that has no network and no
 * Node.js, in pieces of a given size. See docs/offline.md.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSize } from "./bundle/pieces.mjs";
import { BundleError } from "./bundle/production-packages.mjs";
import { bundle } from "./bundle/stage.mjs";
import { root } from "./packages.mjs";

const HELP = `npm run bundle -- [options]

  --out <folder>          folder for the pieces: empty, or new (default: bundle)
  --max-piece <size>      largest piece, such as 60MB or 64MiB (default: 60MB)
  --folder                leave the folder itself in <out>, without packing it
  --node <file>           Node.js to take along (default: the one that runs this)
  --models <names...>     models of models/ to take along, or none (default: all)
  --cuda <folder>         with libonnxruntime_providers_cuda.so and …_shared.so
  --onnxruntime <folder>  an unpacked onnxruntime-node to take instead of the installed one, of the provider's version
  --libraries <folder>    shared libraries to take along, such as libvulkan.so.1
  --mnist <folder>        with train-images-idx3-ubyte[.gz] and the other MNIST files`;

const options = {
  out: { type: "string", default: join(root, "bundle") },
  "max-piece": { type: "string", default: "60MB" },
  folder: { type: "boolean", default: false },
  node: { type: "string", default: process.execPath },
  models: { type: "string", multiple: true },
  cuda: { type: "string" },
  onnxruntime: { type: "string" },
  libraries: { type: "string" },
  mnist: { type: "string" },
  help: { type: "boolean", short: "h" },
};

try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) console.log(HELP);
  else {
    const { "max-piece": maxPiece, models, folder: asFolder, ...rest } = values;
    // Further names after --models are positionals to parseArgs.
    if (positionals.length > 0 && models === undefined)
      throw new BundleError(`What is "${positionals[0]}"?\n\n${HELP}`);
    const { folder, pieces } = await bundle({
      ...rest,
      asFolder,
      maxPiece: parseSize(maxPiece),
      models: models && [...models, ...positionals],
      say: (line) => console.log(line),
    });
    for (const { name, bytes } of pieces) console.log(`${name}: ${(bytes / 1e6).toFixed(1)} MB`);
    console.log(
      asFolder
        ? `Bring ${folder} to the machine; there: ./air-onnx --help`
        : `Bring all files of ${values.out} to the machine; there: sh unpack.sh`,
    );
  }
} catch (cause) {
  if (!(cause instanceof BundleError) && !String(cause?.code).startsWith("ERR_PARSE_ARGS")) throw cause;
  console.error(`error: ${cause.message}`);
  process.exitCode = 1;
}
