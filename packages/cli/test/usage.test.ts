import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { datasetNames } from "@air-onnx/scenes/names";
import { afterAll, describe, expect, it } from "vitest";
import { createProgram } from "../src/program.js";
import { tiny, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

const commands = [
  "quickstart",
  "data",
  "train",
  "sweep",
  "eval",
  "report",
  "export",
  "convert",
  "infer",
  "sample",
  "bench",
  "doctor",
];

describe("help", () => {
  it("lists every command", async () => {
    const { code, stdout, stderr } = await place.run(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  });

  it.each(commands)("has examples for %s", async (command) => {
    const { code, stdout, stderr } = await place.runHere([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`$ air-onnx ${command}`);
  });

  it("lists what follows each command as the command itself takes it", async () => {
    const usageOf = async (name: string, args: readonly string[]) =>
      (await createProgram(args)).commands.find((command) => command.name() === name)?.usage();
    for (const command of commands) expect(await usageOf(command, [])).toBe(await usageOf(command, [command]));
  });

  it("prints the version of the package", async () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(await place.run(["--version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
  });

  it("is no failure if its reader has closed the pipe", async () => {
    const child = place.start("train", "--help");
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

it("suggests the right flag on standard error", async () => {
  const { code, stdout, stderr } = await place.run(["train", "--stpes", "10"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("Did you mean --steps?");
});

describe("wrong usage ends with 2 and says what to write", () => {
  it.each<[args: string[], message: string]>([
    [[], "Usage: air-onnx"],
    [["tran"], "Did you mean train?"],
    [
      ["train", "--steps", "many"],
      "option '--steps <n>' argument 'many' is invalid. It must be a whole number of at least 1",
    ],
    [["train", "--steps", "0"], "whole number of at least 1"],
    [
      ["train", "--presence-prior", "1"],
      "'--presence-prior <p>' argument '1' is invalid. It must be a number between 0 and 1",
    ],
    [
      ["train", "--backend", "gpu"],
      "Allowed choices are onnxruntime, onnxruntime-cuda, onnxruntime-webgpu, tensorflow",
    ],
    [["train", "--dataset", "mnist"], `Allowed choices are ${datasetNames.join(", ")}`],
    [["data", "mnist"], `Allowed choices are ${datasetNames.join(", ")}`],
    [["train", "--estimator", "guess"], "Allowed choices are guided, marginal, nvil"],
    [["train", "--test-fraction", "1"], "It must be a number between 0 and 1"],
    [["train", "--dataset", "multi-mnist", "--max-count", "2"], "no setting maxCount with dataset multi-mnist"],
    [["train", "--data", "mine.npz"], "Cannot train on mine.npz: nothing is there"],
    [["train", "--dataset", "npz"], "say where it is, by air-onnx train FILE.npz or --data FILE.npz"],
    [["data", "multi-strokes", "--n", "3"], "--n needs --png"],
    [["train", "--dataset", "npz", "--data", "mine.npz", "--stream"], "no setting stream with dataset npz"],
    [["train", "--max-count", "4"], "--max-count: must not exceed model.maxSteps (3)"],
    [["train", "--stream", "--train-size", "9"], "--train-size: must be left out, as a stream has no end"],
    [["data", "multi-strokes", "--stream", "--train-size", "9"], "--stream and --train-size exclude each other"],
    [["eval", "run", "--split", "train"], "Allowed choices are test, fresh"],
    [["data", "multi-strokes", "--data-seed", `${2 ** 52}`], "a whole number from 0 to 4503599627370495"],
    [["train", "--data-seed", `${2 ** 52}`], "a whole number from 0 to 4503599627370495"],
    [["data"], "missing required argument 'dataset'"],
    [["infer", "model", "image.png", "--device", "tpu"], "Allowed choices are cpu, cuda, webgpu, auto"],
    [["infer", "model", "image.png", "--seed", "1"], "--seed needs --mode sample"],
    [["infer", "model", "image.png", "--windows"], "--windows needs --out"],
    [["infer", "model", "image.png", "--threshold", "2"], "It must be a number from 0 to 1"],
    [["infer", "model", "image.png", "--zoom", "1,2"], "It must be numbers from 0.1 to 1 with commas between them"],
    [["infer", "model", "image.png", "--zoom", "auto", "--mode", "sample"], "--zoom needs --mode mean"],
    [["infer", "model", "image.png", "--zoom", "1", "--steps-picture", "a.png"], "shows the steps of one zoom"],
    [["train", "--set", "steps"], "must be of the form key=value"],
    [["train", "--set", "steps=40", "--steps", "60"], "steps is set twice"],
    [["train", "--set", "model.lstmSiz=4"], "Did you mean model.lstmSize"],
    [
      ["train", "--batch-size", "300", "--train-size", "200"],
      "--batch-size: must not exceed --train-size (200), got 300",
    ],
    [["train", "--config", "absent.json"], "Cannot use --config absent.json"],
    [["train", "--resume", "a", "--out", "b"], "exclude each other"],
    [["train", "--json"], "--json needs --check-backends"],
    [["train", "--check-backends", "--out", "a"], "it takes neither --out nor --resume"],
    [
      ["export", "run", "--training", "--weights", "int8"],
      "option '--training' cannot be used with option '--weights <type>'",
    ],
    [["export", "run", "--training", "--test-size", "9"], "'--training' cannot be used with option '--test-size <n>'"],
    [["bench"], "missing required argument 'what'"],
    [["bench", "eval"], "Allowed choices are train, infer"],
    [["bench", "infer"], "bench infer needs --model"],
    [["bench", "infer", "--model", "a", "--backend", "cpu"], "--backend is of bench train"],
    [["bench", "train", "--device", "cpu"], "--device is of bench infer"],
    [["bench", "train", "--batch", "8", "none"], "argument 'none' is invalid. It must be a whole number"],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await place.runHere(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("names an unknown setting in a configuration file", async () => {
    writeFileSync(place.at("typo.json"), JSON.stringify({ stepz: 10 }));
    const { code, stderr } = await place.runHere(["train", "--config", "typo.json"]);
    expect(code).toBe(2);
    expect(stderr).toContain("There is no setting stepz");
  });
});

describe("failures end with 1 and one message", () => {
  it.each<[args: string[], message: string]>([
    [["eval", "nowhere"], "nowhere is not a run folder"],
    [["export", "nowhere"], "nowhere is not a run folder"],
    [["train", "--resume", "nowhere"], "nowhere is not a run folder"],
    [["infer", "nowhere", "absent.png"], "There is no image absent.png"],
    [["sample", "nowhere"], 'No model "nowhere" was found'],
    [["data", "multi-mnist", "--mnist-dir", "nowhere"], "nowhere"],
    [["data", "multi-mnist", "--data-seed", "1"], "multi-mnist takes no seed"],
    [["data", "multi-mnist", "--data-seed", "1"], "The flag for seed is --data-seed."],
    [["data", "multi-strokes", "--patch-size", "9"], "The flag for patchSize is --patch-size."],
    [["data", "multi-strokes", "--patch-size", "9"], "multi-strokes takes no patchSize"],
    [["data", "npz"], "npz needs the path of a file"],
    [["data", "npz", "--data", "absent.npz", "--stream"], "npz cannot be streamed"],
    [["data", "npz", "--data", "absent.npz", "--stream"], "The flag for stream is --stream."],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await place.runHere(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("prints the stack of an error with --debug", async () => {
    const { code, stderr } = await place.runHere(["eval", "nowhere", "--debug"]);
    expect(code).toBe(1);
    expect(stderr).toContain("    at ");
  });

  it("refuses a run folder below a file, and one that is not empty", async () => {
    writeFileSync(place.at("file"), "");
    mkdirSync(place.at("full"));
    writeFileSync(place.at("full", "thesis.txt"), "");
    const below = await place.runHere(["train", ...tiny, "--steps", "20", "--out", "file/run"]);
    expect(below.stderr).toContain("Cannot create run folder file/run: a part of the path is a file");
    expect(below.code).toBe(1);
    const full = await place.runHere(["train", ...tiny, "--steps", "20", "--out", "full"]);
    expect(full.stderr).toContain("full is not empty and not a run");
    expect(full.stderr).toContain("Choose another folder by --out.");
    expect(full.code).toBe(1);
    const quickstart = await place.runHere(["quickstart", "--out", "full"]);
    expect(quickstart.stderr).toContain("full is not a quickstart's folder");
    expect(quickstart.code).toBe(1);
    expect(readFileSync(place.at("full", "thesis.txt"), "utf8")).toBe("");
  });
});
