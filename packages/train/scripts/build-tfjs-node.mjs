/**
 * Builds the native addon of tfjs-node, or of tfjs-node-gpu, against the TensorFlow of a Python installation. This is for
 * machines that cannot download TensorFlow's library, or whose CUDA has another version than the download's. Linux only.
 *
 *   npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0
 *   python3 -m pip install --no-deps --target tensorflow-files tensorflow-cpu
 *   node packages/train/scripts/build-tfjs-node.mjs --tensorflow tensorflow-files/tensorflow
 *
 * Without --tensorflow it uses the TensorFlow that `python3` imports. The folder must not be moved afterwards: the addon loads
 * its libraries from there. The script needs what node-gyp needs: Python, make, a C++ compiler and Node's headers.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { gpu: { type: "boolean", default: false }, tensorflow: { type: "string" } },
});
const name = values.gpu ? "@tensorflow/tfjs-node-gpu" : "@tensorflow/tfjs-node";

try {
  const addonPackage = packageFolder(name);
  const tensorflow = values.tensorflow ? resolve(values.tensorflow) : tensorflowOfPython();
  const libraries = {
    cc: join(tensorflow, "libtensorflow_cc.so.2"),
    framework: join(tensorflow, "libtensorflow_framework.so.2"),
  };
  for (const file of [...Object.values(libraries), join(tensorflow, "include", "tensorflow", "c", "c_api.h")]) {
    if (!existsSync(file)) fail(`${file} is missing: is ${tensorflow} the folder of an installed TensorFlow 2?`);
  }
  const deps = join(addonPackage, "deps");
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(join(deps, "lib"), { recursive: true });
  symlinkSync(join(tensorflow, "include"), join(deps, "include"));
  // The linker looks for the libraries under these names.
  symlinkSync(libraries.cc, join(deps, "lib", "libtensorflow.so"));
  symlinkSync(libraries.framework, join(deps, "lib", "libtensorflow_framework.so"));
  // At run time the libraries are loaded from TensorFlow's own folder.
  const flags = [process.env.LDFLAGS, `-Wl,-rpath,${realpathSync(tensorflow)}`].filter(Boolean).join(" ");
  execFileSync("npm", ["run", "build-addon-from-source"], {
    cwd: addonPackage,
    env: { ...process.env, LDFLAGS: flags },
    stdio: "inherit",
  });
  execFileSync(
    process.execPath,
    ["--input-type=commonjs", "--eval", `console.log(require(${JSON.stringify(addonPackage)}).version)`],
    { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "1" }, stdio: "inherit" },
  );
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}

/** Finds the package from the current folder, as installed by the user's project. */
function packageFolder(name) {
  try {
    const manifest = createRequire(join(process.cwd(), "package.json")).resolve(`${name}/package.json`);
    return dirname(manifest);
  } catch {
    const { version } = JSON.parse(
      readFileSync(createRequire(import.meta.url).resolve("@tensorflow/tfjs/package.json"), "utf8"),
    );
    return fail(`${name} is not installed: npm install --ignore-scripts ${name}@${version}`);
  }
}

function tensorflowOfPython() {
  const find =
    "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')";
  const folder = execFileSync("python3", ["-c", find], { encoding: "utf8" }).trim();
  return folder || fail("python3 has no TensorFlow: pip install one, or name its folder by --tensorflow");
}

function fail(message) {
  throw new Error(message);
}
