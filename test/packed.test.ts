/** The packages as users get them: packed, installed into clean folders, type-checked and run from there. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAirConfig } from "@air-onnx/core";
import { exportModel } from "@air-onnx/export";
import { initialParameters } from "@air-onnx/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const packages = ["core", "tracer", "runtime-node", "runtime-web", "train", "export", "cli"];
const MINUTES = 60_000;

let folder: string;
let archives: Record<string, string>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-onnx-packed-"));
  archives = Object.fromEntries(
    await Promise.all(
      packages.map(async (name) => {
        const { stdout } = await npm(["pack", "--json", "--pack-destination", folder], join(root, "packages", name));
        const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
        return [name, join(folder, filename)] as const;
      }),
    ),
  );
}, 2 * MINUTES);
afterAll(() => rm(folder, { recursive: true, force: true }));

function npm(args: string[], cwd: string) {
  return run("npm", args, { cwd, env: { ...process.env, npm_config_loglevel: "error" }, maxBuffer: 1 << 26 });
}

/** Installs our archives, and what they depend on from the registry, into a new project. */
async function install(project: string, names: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(folder, `${project}-`));
  const dependencies = Object.fromEntries(names.map((name) => [`@air-onnx/${name}`, `file:${archives[name]}`]));
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module", dependencies }));
  await npm(["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"], directory);
  return directory;
}

it("hold their build, a README and nothing else", { timeout: MINUTES }, async () => {
  for (const name of packages) {
    const { stdout } = await run("tar", ["tzf", archives[name]!]);
    const files = stdout.trim().split("\n");
    const expected = /^package\/(dist\/|bin\/|examples\/|package\.json|README\.md)/;
    expect(
      files.filter((file) => !expected.test(file) || /\.cases\.|tsbuildinfo|\.test\./.test(file)),
      name,
    ).toEqual([]);
    for (const file of ["dist/index.js", "dist/index.d.ts", "README.md"])
      expect(files, name).toContain(`package/${file}`);
  }
});

describe("runtime-node in a clean project", () => {
  let project: string;
  let model: string;
  beforeAll(async () => {
    project = await install("runtime", ["core", "runtime-node"]);
    model = join(project, "model");
    const config = parseAirConfig({ lstmSize: 8, zWhatSize: 5, predictorSize: 7, encoderSize: 9, decoderSize: 6 });
    await exportModel(model, {
      name: "tiny",
      config,
      parameters: initialParameters(config, 0),
      training: { dataset: "multi-strokes", seed: 0, steps: 0, commit: null },
      metrics: {},
    });
  }, 3 * MINUTES);

  it("brings no training code", async () => {
    const installed = await readdir(join(project, "node_modules"), { recursive: true });
    expect(installed.filter((path) => /(^|\/)(@tensorflow|protobufjs|pngjs|commander)$/.test(path))).toEqual([]);
  });

  it("runs a model, with nothing on stderr", { timeout: MINUTES }, async () => {
    await writeFile(
      join(project, "infer.js"),
      `import { AirModel } from "@air-onnx/runtime-node";
const air = await AirModel.fromPretrained(${JSON.stringify(model)});
const [scene] = await air.infer({ data: new Uint8Array(2500).fill(128), width: 50, height: 50, channels: 1 });
await air.dispose();
console.log(JSON.stringify({ device: air.device, count: scene.count, q: scene.countProbabilities }));
`,
    );
    const { stdout, stderr } = await run(process.execPath, ["infer.js"], { cwd: project });
    expect(stderr).toBe("");
    const result = JSON.parse(stdout) as { device: string; count: number; q: number[] };
    expect(result.device).toBe("cpu");
    expect(result.q.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
  });

  it("has types that a strict project accepts, and that refuse nonsense", { timeout: MINUTES }, async () => {
    await writeFile(
      join(project, "types.ts"),
      `import { AirModel, type Scene } from "@air-onnx/runtime-node";
const model = await AirModel.fromPretrained("model", { device: "auto" });
const scenes: Scene[] = await model.infer(new Float32Array(2500), { mode: "sample", seed: 1 });
export const boxes = scenes.flatMap((scene) => scene.objects.map((object) => object.box.xmin));
// @ts-expect-error: there is no such device
await AirModel.fromPretrained("model", { device: "tpu" });
`,
    );
    const compilerOptions = {
      strict: true,
      module: "NodeNext",
      target: "ES2022",
      noEmit: true,
      skipLibCheck: false,
      types: [],
    };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
    const { stdout } = await run(join(root, "node_modules", ".bin", "tsc"), ["-p", "."], { cwd: project }).catch(
      (failure: { stdout: string }) => failure,
    );
    expect(stdout).toBe("");
  });
});

describe("the command line in a clean project", () => {
  it("installs and answers", { timeout: 4 * MINUTES }, async () => {
    const project = await install("cli", ["core", "tracer", "runtime-node", "train", "export", "cli"]);
    const bin = join(project, "node_modules", ".bin", "air-onnx");
    const { version } = JSON.parse(await readFile(join(root, "packages/cli/package.json"), "utf8")) as {
      version: string;
    };
    expect((await run(bin, ["--version"], { cwd: project })).stdout.trim()).toBe(version);
    // Where there is no Vulkan, the WebGPU provider that the doctor probes says so on stderr by itself.
    const { stdout } = await run(bin, ["doctor", "--json"], { cwd: project });
    expect(stdout).toContain("onnxruntime");
  });
});
