/** Tests malicious model folders: their files are refused before they are read, with an error that says what they are. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, graphNames, ModelFileError } from "@air-onnx/core";
import { InferenceSession } from "onnxruntime-node";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { AirModel, type LoadOptions } from "../src/index.js";
import { readModelFolder } from "../src/model-folder.js";
import { bytes, integer, text, writeModel } from "./onnx-writer.js";
import { tinyConfig, tinyGraphs, tinyImages, writeTinyModel } from "./tiny-model.js";

const folders: string[] = [];
async function newModel(...args: Parameters<typeof writeTinyModel>): Promise<string> {
  const folder = await writeTinyModel(...args);
  folders.push(folder);
  return folder;
}
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "air-onnx-"));
  folders.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

type Json = Record<string, unknown>;
async function rewriteManifest(folder: string, change: (manifest: Json) => Json): Promise<void> {
  const path = join(folder, "config.json");
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, "utf8")) as Json)));
}

async function failureOf(folder: string, options?: LoadOptions): Promise<Error> {
  const failure = await AirModel.fromPretrained(folder, options).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  return failure as Error;
}

async function expectRefusal(folder: string, message: RegExp): Promise<void> {
  for (const verify of [true, false]) {
    const failure = await failureOf(folder, { verify });
    expect(failure).toBeInstanceOf(ModelFileError);
    expect(failure.message).toMatch(message);
  }
}

describe.each(["config.json", "onnx/step.onnx"])("%s", (file) => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  /** Things other than a regular file that a path can lead to, by their names in error messages. */
  const others: Readonly<Record<string, (path: string) => unknown>> = {
    "a folder": (path) => mkdir(path),
    "a named pipe": (path) => execFileSync("mkfifo", [path]),
    "a socket": (path) =>
      new Promise<void>((resolve) => {
        server = createServer().listen(path, resolve);
      }),
  };
  it.each(Object.keys(others))("that is %s is refused at once", async (what) => {
    const folder = await newModel();
    await rm(join(folder, file));
    await others[what]!(join(folder, file));
    await expectRefusal(folder, new RegExp(`${file} is ${what}, not a file`));
  });

  it("that is a link out of the folder is refused, wherever it leads", async () => {
    const elsewhere = await newModel();
    for (const target of ["/dev/zero", "/dev/null", "/proc/self/environ", join(elsewhere, file), tmpdir()]) {
      const folder = await newModel();
      await rm(join(folder, file));
      await symlink(target, join(folder, file));
      await expectRefusal(folder, new RegExp(`${file} is a link out of the model's folder`));
    }
  });

  it("that is a link within the folder is read, even if the folder itself is a link", async () => {
    const folder = await newModel();
    await rename(join(folder, file), join(folder, "stored"));
    await symlink(join(folder, "stored"), join(folder, file));
    const link = join(await newFolder(), "link");
    await symlink(folder, link);
    const { manifest } = await readModelFolder(link, { verify: true });
    expect(manifest.model).toEqual(tinyConfig);
  });

  it("that is a link to itself is refused", async () => {
    const folder = await newModel();
    await rm(join(folder, file));
    await symlink(join(folder, file), join(folder, file));
    await expectRefusal(folder, /cannot be read \(ELOOP\)/);
  });

  it("that is far too large is refused by its size", async () => {
    const folder = await newModel();
    await truncate(join(folder, file), 1.9e9);
    const before = process.memoryUsage().rss;
    await expectRefusal(folder, /is too (large|long): it has 1900000000 bytes/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  it("is not read after the signal aborts", async () => {
    const folder = await newModel();
    await rm(join(folder, file));
    execFileSync("mkfifo", [join(folder, file)]);
    const signal = AbortSignal.abort(new Error("no time"));
    await expect(AirModel.fromPretrained(folder, { signal })).rejects.toThrow("no time");
  });
});

it("a subfolder that is a link to another place is refused", async () => {
  const folder = await newModel();
  const elsewhere = await newFolder();
  await cp(join(folder, "onnx"), join(elsewhere, "onnx"), { recursive: true });
  await rm(join(folder, "onnx"), { recursive: true });
  await symlink(join(elsewhere, "onnx"), join(folder, "onnx"));
  await expectRefusal(folder, /is a link out of the model's folder/);
});

it("a folder whose name only begins with the model folder's name is outside of it", async () => {
  const folder = await newModel();
  await cp(join(folder, "onnx"), `${folder}-too/onnx`, { recursive: true });
  folders.push(`${folder}-too`);
  await rm(join(folder, "onnx"), { recursive: true });
  await symlink(`${folder}-too/onnx`, join(folder, "onnx"));
  await expectRefusal(folder, /is a link out of the model's folder/);
});

it("a graph of another size than declared is damaged", async () => {
  for (const change of [100, 100_000]) {
    const folder = await newModel();
    const path = join(folder, "onnx/step.onnx");
    await truncate(path, change);
    const failure = await failureOf(folder);
    expect(failure).toBeInstanceOf(ModelFileError);
    expect(failure.message).toMatch(/is (truncated|too long)/);
  }
});

describe("config.json", () => {
  it.each([
    ["maxSteps", 1e9],
    ["maxSteps", 2 ** 31],
    ["imageSize", 1e6],
    ["channels", 1e9],
    ["objectSize", 1e9],
    ["zWhatSize", 1e9],
    ["lstmSize", 1e9],
    ["convolution", { kernel: 1e9, stride: 1e9, channels: [1e9] }],
    ["lstmInput", { type: "image", convolution: { kernel: 1e9, stride: 1e9, channels: [1e9] } }],
    ["windowSide", [8, 20]],
    ["__proto__", { maxSteps: 1e9 }],
  ])("with %s %j is refused", async (key, value) => {
    const folder = await newModel();
    await rewriteManifest(folder, (manifest) => ({
      ...manifest,
      model: Object.fromEntries([...Object.entries(manifest.model as Json), [key, value]]),
    }));
    const failure = await failureOf(folder);
    expect(failure).toBeInstanceOf(ConfigError);
    expect(failure.message).toContain(key);
  });

  it.each(["../other.onnx", "/etc/passwd", "onnx/../../other.onnx", "onnx/..//x", "a\n/../../x", "..\\x"])(
    "that leads to %j is refused",
    async (path) => {
      const folder = await newModel();
      await rewriteManifest(folder, (manifest) => {
        const files = manifest.files as Record<string, Json>;
        return { ...manifest, files: { ...files, step: { ...files.step, path } } };
      });
      const failure = await failureOf(folder);
      expect(failure).toBeInstanceOf(ConfigError);
      expect(failure.message).toContain("files.step.path");
    },
  );

  it("that is nested too deep is refused", async () => {
    for (const content of [`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`, "[".repeat(1_000_000)]) {
      const folder = await newModel();
      await writeFile(join(folder, "config.json"), content);
      expect(await failureOf(folder)).toBeInstanceOf(ConfigError);
    }
  });
});

describe("a graph whose weights are in another file", () => {
  const entry = (key: string, value: string): Uint8Array => bytes(13, Buffer.concat([text(1, key), text(2, value)]));
  const external = (name: string, shape: readonly number[]): Uint8Array =>
    Buffer.concat([
      ...shape.map((side) => integer(1, side)),
      integer(2, 1),
      text(8, name),
      entry("location", "weights.bin"),
      integer(14, 1),
    ]);
  /** The tiny encoder with a matrix that is read from weights.bin in the working directory. */
  const encoder = (where: "initializer" | "attribute") => {
    const { weights, nodes, ...rest } = tinyGraphs.encoder;
    const [name, { shape }] = Object.entries(weights).find(([, { values }]) => values.length === 128)!;
    const others = Object.fromEntries(Object.entries(weights).filter(([each]) => each !== name));
    const tensor = external(name, shape);
    const attribute = Buffer.concat([text(1, "value"), bytes(5, tensor), integer(20, 4)]);
    const constant = Buffer.concat([text(2, name), text(4, "Constant"), bytes(5, attribute)]);
    return {
      ...rest,
      nodes,
      weights: others,
      fields: [where === "initializer" ? bytes(5, tensor) : bytes(1, constant)],
    };
  };

  it("is refused, although onnxruntime would read that file", async () => {
    const directory = process.cwd();
    const folder = await newModel({ encoder: encoder("initializer") });
    await writeFile(join(folder, "weights.bin"), Buffer.alloc(512));
    process.chdir(folder);
    try {
      const session = await InferenceSession.create(writeModel(encoder("initializer")));
      await session.release();
      await expectRefusal(folder, /encoder\.onnx keeps the values of the tensor "w\d+" in another file/);
    } finally {
      process.chdir(directory);
    }
  });

  it("is refused wherever the tensor is", async () => {
    await expectRefusal(await newModel({ encoder: encoder("attribute") }), /in another file/);
    const withFields = async (...fields: Uint8Array[]): Promise<string> =>
      newModel({ encoder: { ...tinyGraphs.encoder, fields } });
    await expectRefusal(await withFields(bytes(15, bytes(1, external("s", [1])))), /in another file/);
    const inner = Buffer.concat([text(2, "inner"), bytes(5, external("deep", [1]))]);
    const branch = Buffer.concat([text(1, "then_branch"), bytes(6, inner), integer(20, 5)]);
    await expectRefusal(
      await withFields(bytes(1, Buffer.concat([text(4, "If"), bytes(5, branch)]))),
      /"deep" in another/,
    );
  });
});

it("an operator that onnxruntime does not have is an error that names it", async () => {
  const nodes = tinyGraphs.encoder.nodes.map((node, i) => (i === 0 ? { ...node, op: "Evil" } : node));
  const failure = await failureOf(await newModel({ encoder: { ...tinyGraphs.encoder, nodes } }));
  expect(failure).toBeInstanceOf(ModelFileError);
  expect(failure.message).toMatch(/onnxruntime cannot load onnx\/encoder\.onnx on cpu: .*Evil/);
  const custom = text(7, "evil.domain");
  const node = bytes(1, Buffer.concat([text(1, "image"), text(2, "z"), text(4, "Relu"), custom]));
  const other = await failureOf(await newModel({ encoder: { ...tinyGraphs.encoder, fields: [node] } }));
  expect(other).toBeInstanceOf(ModelFileError);
});

it("any damage to an unverified graph gives a typed error or a model that opens", async () => {
  const folder = await newModel();
  const original = Object.fromEntries(
    await Promise.all(
      graphNames.map(async (name) => [name, await readFile(join(folder, "onnx", `${name}.onnx`))] as const),
    ),
  );
  let random = 1;
  const next = (below: number): number => {
    random = (random * 48_271) % 2_147_483_647;
    return random % below;
  };
  for (let i = 0; i < 60; i++) {
    const name = graphNames[i % 3]!;
    const damaged = Buffer.from(original[name]!);
    for (let k = 0; k <= next(3); k++) damaged[next(damaged.length)] = next(256);
    await writeFile(join(folder, "onnx", `${name}.onnx`), damaged);
    try {
      const model = await AirModel.fromPretrained(folder, { verify: false });
      await model.infer(tinyImages(1)).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      await model.dispose();
    } catch (error) {
      expect(error).toBeInstanceOf(ModelFileError);
    }
    await writeFile(join(folder, "onnx", `${name}.onnx`), original[name]!);
  }
});
