/** Requirements of some tests on the machine. AIR_ONNX_REQUIRE can name any of them: a test without it then fails. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findChromium, howToGetOne } from "../browser/find-chromium.mjs";
import { isLong } from "./long.js";
import { requirements } from "./requirement.js";

/** The Python that tests run. */
export const PYTHON = process.env.AIR_ONNX_PYTHON ?? "python3";

export const {
  chromium,
  chromiumWebgpu,
  mnist,
  nodeWebgpu,
  longRun,
  linux,
  unprivileged,
  python,
  pythonTools,
  ray,
  transformers,
} = requirements(
  {
    chromium: {
      missing: "no Chromium or Chrome was found",
      remedy: howToGetOne,
      installable: true,
      isMet: () => findChromium() !== undefined,
    },
    chromiumWebgpu: {
      missing: "Chromium gives no WebGPU adapter, not even a software one",
      remedy: "Use a Chromium with SwiftShader, as Debian's is, or a machine with a GPU",
      installable: true,
    },
    mnist: {
      missing: "no folder with the MNIST files was named",
      remedy: "Name one that has train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz in AIR_ONNX_MNIST_DIR",
      installable: true,
      isMet: () => Boolean(process.env.AIR_ONNX_MNIST_DIR),
    },
    nodeWebgpu: {
      missing: "not every WebGPU backend for Node works here",
      remedy:
        "Install the package that is missing; for an adapter, use a GPU with its Vulkan driver or install Debian's Chromium, which has one in software",
      installable: false,
    },
    longRun: {
      missing: "it takes minutes",
      remedy: "Run `npm run test:long`",
      installable: false,
      isMet: () => isLong,
    },
    linux: {
      missing: "this is not Linux",
      remedy: "Run the tests on Linux",
      installable: false,
      isMet: () => process.platform === "linux",
    },
    unprivileged: {
      missing: "this user may write anywhere: it is root, or the system has no POSIX permissions",
      remedy: "Run the tests as another user than root, on Linux or macOS",
      installable: false,
      isMet: () => (process.getuid?.() ?? 0) !== 0,
    },
    python: {
      missing: `${PYTHON} cannot import onnxruntime and numpy`,
      remedy: "Install them (pip install onnxruntime numpy), or name a Python that has them in AIR_ONNX_PYTHON",
      // The project itself needs no Python.
      installable: false,
      isMet: () => spawnSync(PYTHON, ["-c", "import numpy, onnxruntime"]).status === 0,
    },
    pythonTools: {
      missing: `${PYTHON} cannot import onnx, onnxruntime, numpy and sympy`,
      remedy:
        "Install them (pip install onnx onnxruntime numpy sympy), or name a Python that has them in AIR_ONNX_PYTHON",
      // As above.
      installable: false,
      isMet: () => spawnSync(PYTHON, ["-c", "import numpy, onnx, onnxruntime, sympy"]).status === 0,
    },
    ray: {
      missing: `${PYTHON} cannot import ray.data, onnxruntime and pyarrow`,
      remedy:
        'Install them (pip install "ray[data]" onnxruntime pyarrow), or name a Python that has them in AIR_ONNX_PYTHON',
      // As above.
      installable: false,
      isMet: () => spawnSync(PYTHON, ["-c", "import numpy, onnxruntime, pyarrow, ray.data"]).status === 0,
    },
    transformers: {
      missing: "@huggingface/transformers is not installed",
      remedy: "Install it (npm install --no-save @huggingface/transformers)",
      // It brings sharp, whose libvips has a licence that this project's packages may not have.
      installable: false,
      isMet: () => existsSync(fileURLToPath(new URL("../../node_modules/@huggingface/transformers", import.meta.url))),
    },
  },
  process.env.AIR_ONNX_REQUIRE,
);

const CHROMIUM = "/usr/lib/chromium";
const SWIFTSHADER = `${CHROMIUM}/vk_swiftshader_icd.json`;

/**
 * The environment of processes that use WebGPU: where Debian's chromium is installed, they find its software Vulkan,
 * SwiftShader, unless another is set.
 */
export function webgpuEnvironment(): NodeJS.ProcessEnv {
  if (!existsSync(SWIFTSHADER)) return process.env;
  return {
    ...process.env,
    VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? SWIFTSHADER,
    // The same folder has the libvulkan.so.1 that it needs.
    LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, CHROMIUM].filter(Boolean).join(":"),
  };
}
