/** Puts a bundle together: Node.js, the packages with what they need, models, and the scripts that run them. */
import { execFile } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { root } from "../packages.mjs";
import { packInPieces } from "./pieces.mjs";
import { BundleError, copyFile, copyProductionPackages } from "./production-packages.mjs";

const run = promisify(execFile);
const CLI = join(root, "packages/cli");
const MODELS = join(root, "models");
const CUDA_FILES = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"];
const MNIST_FILE = /^(train|t10k)-(images-idx3|labels-idx1)-ubyte(\.gz)?$/;
/** Libraries that every Linux with the GNU C library has. */
const BASE_LIBRARIES = /^(linux-vdso|ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|atomic))\.so/;

/**
 * @typedef {object} BundleOptions
 * @property {string} out folder for the pieces or, with `asFolder`, for the folder: empty, or new
 * @property {number} maxPiece most bytes of a piece
 * @property {boolean} [asFolder] whether to leave the folder unpacked
 * @property {string} [node] Node.js to take along; by default the one that runs this
 * @property {readonly string[]} [models] names of models, or `none`; all by default
 * @property {string} [cuda] folder of the CUDA provider
 * @property {string} [onnxruntime] folder of an onnxruntime-node to take instead of the installed one
 * @property {string} [libraries] folder of further shared libraries
 * @property {string} [mnist] folder of the MNIST files
 * @property {(line: string) => void} [say] is told what is done
 */

/**
 * Makes a bundle.
 *
 * @param {BundleOptions} options
 * @returns {Promise<{ folder: string, pieces: { name: string, bytes: number }[] }>} `folder` as it is called where it is unpacked
 * @throws {BundleError} if something is missing, or does not fit the rest
 */
export async function bundle({ out, maxPiece, asFolder = false, say = () => {}, ...what }) {
  const { version } = JSON.parse(readFileSync(join(CLI, "package.json"), "utf8"));
  const name = `air-onnx-${version}-${process.platform}-${process.arch}`;
  if (asFolder) {
    const folder = join(resolve(out), name);
    if (existsSync(folder)) throw new BundleError(`${folder} exists: name another folder by --out, or delete it`);
    try {
      await stage(folder, { ...what, say });
    } catch (cause) {
      rmSync(folder, { recursive: true, force: true });
      throw cause;
    }
    return { folder, pieces: [] };
  }
  const scratch = mkdtempSync(join(tmpdir(), "air-onnx-bundle-"));
  try {
    const folder = join(scratch, name);
    await stage(folder, { ...what, say });
    say(`packing ${name}`);
    return { folder: name, pieces: await packInPieces(folder, resolve(out), maxPiece) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function stage(folder, { node = process.execPath, models, cuda, onnxruntime, libraries, mnist, say }) {
  // All that can be refused is refused before anything is copied.
  const nodeVersion = await checkNode(node);
  const onnxruntimePackage = resolve(onnxruntime ?? join(root, "node_modules/onnxruntime-node"));
  if (!existsSync(join(onnxruntimePackage, "package.json"))) {
    throw new BundleError(`${onnxruntimePackage} is not a package: it has no package.json`);
  }
  if (cuda !== undefined) checkCuda(cuda, onnxruntimePackage);
  const mnistFiles = mnist === undefined ? [] : mnistFilesOf(mnist);
  const chosen = chosenModels(models);
  if (libraries !== undefined && !existsSync(libraries)) throw new BundleError(`${libraries} does not exist`);

  say(`copying Node.js ${nodeVersion} and the packages`);
  mkdirSync(folder, { recursive: true });
  copyFile(node, join(folder, "bin/node"));
  chmodSync(join(folder, "bin/node"), 0o755);
  const licence = join(dirname(node), "../LICENSE");
  if (existsSync(licence) && readFileSync(licence, "utf8").startsWith("Node.js")) {
    copyFile(licence, join(folder, "bin/LICENSE"));
  }
  const packages = copyProductionPackages(CLI, folder, { replaced: { "onnxruntime-node": onnxruntimePackage } });
  if (cuda !== undefined) {
    const copied = join(folder, "node_modules/onnxruntime-node");
    const binding = readdirSync(copied, { recursive: true, encoding: "utf8" }).find((path) =>
      path.endsWith("onnxruntime_binding.node"),
    );
    for (const name of CUDA_FILES) copyFile(join(cuda, name), join(copied, dirname(binding), name));
  }
  if (libraries !== undefined) cpSync(libraries, join(folder, "lib"), { recursive: true });
  for (const name of mnistFiles) copyFile(join(mnist, name), join(folder, "mnist", name));
  for (const name of chosen) cpSync(join(MODELS, name), join(folder, "models", name), { recursive: true });

  const files = fileURLToPath(new URL("files/", import.meta.url));
  for (const file of ["README.md", "air-onnx", "run.sh", "measure.mjs"])
    copyFile(join(files, file), join(folder, file));
  for (const file of ["LICENSE", "docs/accelerators.md", "examples/infer-file.mjs", "examples/two-digits.png"]) {
    copyFile(join(root, file), join(folder, file));
  }
  const versions = [`node ${nodeVersion}`, ...packages.map((each) => `${each.name} ${each.version}`)].toSorted();
  writeFileSync(join(folder, "VERSIONS.txt"), `${versions.join("\n")}\n`);
}

/** Version of a Node.js that can be taken along. */
async function checkNode(node) {
  const asked = "[process.versions.node, process.platform, process.arch].join()";
  const { stdout } = await run(node, ["-p", asked]).catch((cause) => {
    throw new BundleError(`${node} does not run as Node.js: ${cause.message.trim()}`);
  });
  const [version, platform, arch] = stdout.trim().split(",");
  if (platform !== process.platform || arch !== process.arch) {
    throw new BundleError(`${node} is of ${platform} ${arch}; a bundle is made on a machine of its kind`);
  }
  if (Number.parseInt(version, 10) < 20) throw new BundleError(`${node} is Node.js ${version}; 20 is needed`);
  if (platform === "linux") {
    const { stdout: listed } = await run("ldd", [node]);
    const needed = listed.split("\n").flatMap((line) => basename(line.trim().split(/\s/)[0] ?? "") || []);
    const others = needed.filter((library) => !BASE_LIBRARIES.test(library));
    if (others.length > 0) {
      throw new BundleError(
        `${node} needs ${others.join(", ")}: name a Node.js from nodejs.org by --node, which needs no such library`,
      );
    }
  }
  return version;
}

function checkCuda(cuda, onnxruntime) {
  const absent = CUDA_FILES.find((name) => !existsSync(join(cuda, name)));
  if (absent !== undefined) throw new BundleError(`${cuda} has no ${absent}`);
  const { version } = JSON.parse(readFileSync(join(onnxruntime, "package.json"), "utf8"));
  // The provider's own text says which onnxruntime it is of; with another one it must not be loaded.
  const provider = join(cuda, CUDA_FILES[0]);
  if (!readFileSync(provider).includes(version)) {
    throw new BundleError(
      `${provider} is not of onnxruntime ${version}: take that version's, or name an onnxruntime-node of its own by --onnxruntime`,
    );
  }
}

function mnistFilesOf(mnist) {
  const names = existsSync(mnist) ? readdirSync(mnist).filter((name) => MNIST_FILE.test(name)) : [];
  if (names.some((name) => name.startsWith("train-images"))) return names;
  throw new BundleError(`${mnist} has no train-images-idx3-ubyte or train-images-idx3-ubyte.gz`);
}

function chosenModels(names) {
  const shipped = readdirSync(MODELS).filter((name) => existsSync(join(MODELS, name, "config.json")));
  const chosen = names === undefined ? shipped : names.filter((name) => name !== "none");
  const unknown = chosen.find((name) => !shipped.includes(name));
  if (unknown === undefined) return chosen;
  throw new BundleError(`There is no model ${unknown}: there are ${shipped.join(", ")}`);
}
