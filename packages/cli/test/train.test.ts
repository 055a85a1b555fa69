import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, tiny, tinyModel, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

/** A run that is long enough to be stopped before its end. */
const long = [...tiny, "--steps", "300", "--checkpoint-every", "50", "--evaluate-every", "300"];

function savedConfig(run: string): unknown {
  return JSON.parse(readFileSync(place.at(run, "config.json"), "utf8"));
}

/** The hash of all parameters and moments after the last step. */
function finalHash(run: string): string {
  return JSON.parse(readFileSync(place.at(run, "checkpoints", "step-00000300.json"), "utf8")).sha256;
}

describe("train", () => {
  it("lets flags win over the configuration file, and saves the outcome", async () => {
    const base = { seed: 7, steps: 4000, batchSize: 8, trainSize: 150, model: { lstmSize: 16, encoderSize: 6 } };
    writeFileSync(place.at("base.json"), JSON.stringify(base));
    const flags = ["--steps", "20", "--batch-size", "4", "--test-size", "60", "--set", "model.lstmSize=4"];
    const { code, stdout, stderr } = await place.run(["train", "--config", "base.json", ...flags]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(savedConfig("runs/multi-strokes-seed7")).toMatchObject({
      seed: 7,
      steps: 20,
      batchSize: 4,
      trainSize: 150,
      model: { lstmSize: 4, encoderSize: 6, decoderSize: 400 },
    });
    expect(stdout).toContain("Warm-up of 2 steps instead of 200");
    expect(stdout).toContain("Evaluations on 60 images instead of 2000");
    expect(stdout).toMatch(/^Step 20: MAP count accuracy \d/m);
    expect(stdout).toMatch(/^20 steps took .* ms\/step/m);
    expect(existsSync(place.at(/^Picture: (.*)$/m.exec(stdout)![1]!))).toBe(true);
    expect(stdout).toContain("Next: air-onnx export runs/multi-strokes-seed7");
  });

  it("refuses a folder with a run, and says how to go on with it", async () => {
    const { code, stderr } = await place.runHere(["train", ...tiny, "--seed", "7", "--steps", "20"]);
    expect(code).toBe(1);
    expect(stderr).toContain("runs/multi-strokes-seed7 holds a run already");
    expect(stderr).toContain("Go on with it by --resume runs/multi-strokes-seed7, or choose another folder by --out.");
  });

  it("refuses to resume with other settings, and shows them", async () => {
    const args = ["train", "--resume", "runs/multi-strokes-seed7", "--steps", "40", "--batch-size", "4"];
    const { code, stderr } = await place.runHere(args);
    expect(code).toBe(2);
    expect(stderr).toContain("steps: 20 → 40");
    expect(stderr).not.toContain("batchSize");
    const other = await place.runHere(["train", "--resume", "runs/multi-strokes-seed7", "--dataset", "multi-mnist"]);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('dataset: "multi-strokes" → "multi-mnist"');
  });

  it("trains on a stream, although the configuration file has a trainSize", async () => {
    writeFileSync(place.at("sized.json"), JSON.stringify({ trainSize: 150, testSize: 60 }));
    const flags = ["--stream", "--max-count", "1", "--steps", "20", "--out", "runs/stream"];
    const { code, stdout, stderr } = await place.runHere(["train", "--config", "sized.json", ...tinyModel, ...flags]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("multi-strokes: endless images to train on, 60 held out");
    expect(savedConfig("runs/stream")).toMatchObject({ stream: true, maxCount: 1, testSize: 60 });
    expect(savedConfig("runs/stream")).not.toHaveProperty("trainSize");
  });

  it("trains on the user's images and exports, with another estimator and another likelihood than the file's", async () => {
    const sizes = ["--train-size", "40", "--test-size", "10"];
    await place.runHere(["data", "multi-strokes", ...sizes, "--npz", "mine.npz"]);
    writeFileSync(place.at("gaussian.json"), JSON.stringify({ model: { likelihood: { type: "gaussian", std: 0.2 } } }));
    const data = ["--dataset", "npz", "--data", "mine.npz", "--test-fraction", "0.2"];
    const choices = ["--estimator", "nvil", "--set", "model.likelihood.type=bernoulli", "--steps", "20"];
    const args = ["--config", "gaussian.json", ...tinyModel, ...data, ...choices, "--out", "runs/own"];
    const trained = await place.runHere(["train", ...args]);
    expect({ code: trained.code, stderr: trained.stderr }).toEqual({ code: 0, stderr: "" });
    expect(savedConfig("runs/own")).toMatchObject({
      estimator: "nvil",
      path: "mine.npz",
      testFraction: 0.2,
      model: { likelihood: { type: "bernoulli", canvas: "union", pixelNoise: 0.05 } },
    });
    const exported = await place.runHere(["export", "runs/own", "--out", "own", "--images", "5", "--backend", "cpu"]);
    expect(exported.code).toBe(0);
    expect(exported.stderr).toMatch(
      /^notice: The exported model cannot tell [^\n]*100 held-out images, and there are 10\.\nnotice: The scores of [^\n]*\n$/,
    );
    const card = readFileSync(place.at("own/README.md"), "utf8");
    expect(card).toContain("--dataset npz --data mine.npz --test-fraction 0.2");
    expect(card).toContain("--set model.likelihood.type=bernoulli");
    expect(card).toContain("--estimator nvil");
  });

  it("leaves no run folder behind when the data cannot be loaded", async () => {
    const args = ["train", "--dataset", "multi-mnist", "--mnist-dir", "absent", "--out", "runs/no-data"];
    const { code, stderr } = await place.runHere(args);
    expect(code).toBe(1);
    expect(stderr).toContain("absent");
    expect(existsSync(place.at("runs/no-data"))).toBe(false);
  });

  it("ends with 1 at the first loss that is not finite, and names the step", async () => {
    const wild = ["--learning-rate", "1e12", "--warmup-steps", "0", "--steps", "20", "--out", "runs/wild"];
    const { code, stderr } = await place.runHere(["train", ...tiny, ...wild]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: Training diverged: \w+ is \S+ at step \d+; no checkpoint had been saved/);
    expect(stderr).not.toContain("    at ");
  });
});

describe("a run that is stopped and resumed ends with the parameters of one that was not", () => {
  let whole: Outcome;
  beforeAll(async () => {
    whole = await place.run(["train", ...long, "--out", "runs/whole"]);
  }, 60_000);

  it("trains without a stop", () => {
    expect(whole.stderr).toBe("");
    expect(whole.code).toBe(0);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)("stopped by %s", async (signal, code) => {
    const run = `runs/stopped-${signal}`;
    const stopped = await place.run(["train", ...long, "--out", run], { at: /\b(?:[5-9]\d|1\d\d)\/300 steps/, signal });
    expect(stopped.code).toBe(code);
    expect(stopped.stderr).toMatch(/^Stopped at step \d+0 with a checkpoint\. Go on by: air-onnx train --resume /m);
    expect(stopped.stderr).toContain(`--resume ${run}\n`);
    const resumed = await place.run(["train", "--resume", run]);
    expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: "" });
    expect(resumed.stdout).toContain("going on from step");
    expect(finalHash(run)).toBe(finalHash("runs/whole"));
  });

  it("is not resumed with a configuration that was edited", async () => {
    const file = place.at("runs/whole/config.json");
    const saved = readFileSync(file, "utf8");
    writeFileSync(file, saved.replace('"seed": 0', '"seed": 5'));
    const { code, stderr } = await place.runHere(["train", "--resume", "runs/whole"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /step-00000\d\d0\.json was trained with other settings than .*config\.json.*\n {2}seed: 0 → 5\n/,
    );
    writeFileSync(file, saved);
  });

  it("killed", async () => {
    const killed = await place.run(["train", ...long, "--out", "runs/killed"], {
      at: /\b1\d\d\/300 steps/,
      signal: "SIGKILL",
    });
    expect(killed.code).toBeNull();
    expect(existsSync(place.at("runs/killed/checkpoints/step-00000300.json"))).toBe(false);
    const resumed = await place.run(["train", "--resume", "runs/killed"]);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain("Took over the lock");
    expect(finalHash("runs/killed")).toBe(finalHash("runs/whole"));
  });
});
