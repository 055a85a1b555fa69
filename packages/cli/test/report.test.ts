import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tiny, tinyModel, Workplace } from "./air-onnx.js";

const place = new Workplace();
afterAll(() => place[Symbol.dispose]());

const run = `runs/nasty <b>"&'`;
const settings = [...tiny, "--steps", "40", "--evaluate-every", "20", "--checkpoint-every", "20"];
beforeAll(async () => {
  for (const [seed, out] of [run, "sweep/seed-0", "sweep/seed-1"].entries()) {
    const { code, stderr } = await place.runHere(["train", ...settings, "--seed", String(seed), "--out", out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  }
}, 60_000);

async function report(...args: string[]): Promise<{ html: string; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await place.runHere(["report", ...args]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const file = /^Report: (.*)$/m.exec(stdout)![1]!;
  return { html: readFileSync(place.at(file), "utf8"), stdout, stderr };
}

const titles = (html: string): string[] => [...html.matchAll(/<h2[^>]*>([^<]*)<\/h2>/g)].map(([, title]) => title!);

describe("report on a run", () => {
  it("holds figures, curves, pictures and the configuration, in one file", async () => {
    const { html, stderr, stdout } = await report(run);
    expect(stderr).toBe("");
    expect(stdout).toBe(`Report: ${run}/report.html\n`);
    expect(titles(html)).toEqual([
      "Results",
      "Learning curves",
      "Reconstructions at step 40",
      "Counts",
      "Step by step",
      "Mistakes",
      "Imagined scenes",
      "Configuration",
    ]);
    expect(html.match(/<svg xmlns[^>]*class="air-chart"/g)!.length).toBeGreaterThanOrEqual(7);
    expect(html).toMatch(
      /alt="Held-out image \d+ step by step: \d objects there, \d found; probability of presence [\d., ]+"/,
    );
    expect(html).toContain('alt="24 scenes drawn from the prior, 8 with each of 1 to 3 objects"');
    expect(html).toContain('<th scope="row">model.lstmSize</th><td>4</td><td>256</td>');
    expect(html).toMatch(/<code>air-onnx train --dataset multi-strokes [^<]*--steps 40 /);
    expect(html).toContain("finished after 40 steps");
  });

  it("refers to nothing outside, and lets no name become markup", () => {
    const html = readFileSync(place.at(run, "report.html"), "utf8");
    expect(html).toContain("nasty &lt;b&gt;&quot;&amp;&#39;");
    expect(html).not.toContain('nasty <b>"');
    for (const [, target] of html.matchAll(/(?:src|href)="([^"]*)"/g))
      expect(target).toMatch(/^(#|data:image\/png;base64,)/);
    expect(html).not.toContain("<script");
  });

  it("takes another file and another number of images, and leaves no other file behind", async () => {
    const { html } = await report(run, "--out", "reports/small.html", "--images", "7");
    expect(html).toContain("most probable counts of 7 held-out images");
    expect(readdirSync(place.at("reports"))).toEqual(["small.html"]);
  });
});

describe("report on incomplete runs", () => {
  /** Copies the run's files that `left` accepts. */
  function copyRun(name: string, changes: (config: Record<string, unknown>) => object, left: readonly string[]): void {
    mkdirSync(place.at(name));
    const config = JSON.parse(readFileSync(place.at(run, "config.json"), "utf8"));
    writeFileSync(place.at(name, "config.json"), JSON.stringify({ ...config, ...changes(config) }));
    for (const file of left) symlinkSync(place.at(run, file), place.at(name, file));
  }

  it("says that a run is still training, and which parts are missing yet", async () => {
    copyRun("young", () => ({ steps: 80 }), []);
    mkdirSync(place.at("young/checkpoints"));
    writeFileSync(place.at("young/lock"), "");
    const { html, stderr } = await report("young");
    expect(html).toContain("unfinished: step 0 of 80; its lock file says that it is training");
    expect(html).toContain("Nothing has been evaluated yet.");
    expect(stderr).toContain("The run has no checkpoint yet");
    expect(html).toContain("The run has no checkpoint yet");
    expect(titles(html)).toEqual(["Results", "Learning curves", "Configuration"]);
  });

  it("shows the numbers of a full evaluation, whatever they are called", async () => {
    const folder = place.at("young/evaluation");
    mkdirSync(folder);
    const numbers = {
      split: "<fresh>",
      elbo: 1.5,
      iwae: { samples: 100, bound: 2.25 },
      confusion: [[3, 1]],
      worst: [1],
    };
    writeFileSync(`${folder}/evaluation.json`, JSON.stringify(numbers));
    const { html } = await report("young");
    expect(titles(html)).toContain("Full measurement");
    expect(html).toContain('<th scope="row">iwae.bound</th><td>2.25</td>');
    expect(html).toContain('<th scope="row">split</th><td>&lt;fresh&gt;</td>');
    writeFileSync(`${folder}/evaluation.json`, '{"elbo": ');
    const broken = await report("young");
    expect(titles(broken.html)).not.toContain("Full measurement");
    expect(broken.stderr).toContain("The full measurement is left out");
  });

  it("leaves out the sections on images that cannot be loaded, with a notice", async () => {
    const strokes = ["data", "multi-strokes", "--train-size", "100", "--test-size", "60", "--npz", "own.npz"];
    const own = [
      "--dataset",
      "npz",
      "--data",
      "own.npz",
      "--evaluate-images",
      "10",
      "--steps",
      "20",
      "--out",
      "no-data",
    ];
    for (const args of [strokes, ["train", ...tinyModel, ...own]]) {
      expect((await place.runHere(args)).code).toBe(0);
    }
    rmSync(place.at("no-data/pictures"), { recursive: true });
    renameSync(place.at("own.npz"), place.at("moved.npz"));
    const file = place.at("no-data/config.json");
    writeFileSync(file, readFileSync(file, "utf8").replace("own.npz", "absent.npz"));
    const { html, stderr } = await report("no-data");
    expect(stderr).toMatch(/held-out images.*left out.*absent\.npz/);
    expect(html).toContain("absent.npz");
    expect(html).toContain("The picture of the last evaluation does not exist");
    expect(titles(html)).toEqual(["Results", "Learning curves", "Imagined scenes", "Configuration"]);
  });

  it("refuses a folder without a run", async () => {
    const fails = async (path: string): Promise<string> => {
      const { code, stdout, stderr } = await place.runHere(["report", path]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).not.toContain("    at ");
      return stderr;
    };
    mkdirSync(place.at("empty"));
    expect(await fails("empty")).toContain("empty is neither a run folder nor a folder of some");
    expect(await fails("nowhere")).toContain("Cannot read nowhere");
    mkdirSync(place.at("exported"));
    writeFileSync(place.at("exported/config.json"), '{"format": "air-onnx"}');
    expect(await fails("exported")).toContain("exported is an exported model");
    expect(existsSync(place.at("empty/report.html"))).toBe(false);
  });
});

describe("report on a sweep", () => {
  it("draws the runs' curves over each other and tabulates the runs", async () => {
    const { html, stderr } = await report("sweep");
    expect(stderr).toBe("");
    expect(titles(html)).toEqual(["Results", "Learning curves", "Reconstructions", "Differences", "Configuration"]);
    for (const seed of [0, 1])
      expect(html).toMatch(new RegExp(`<th scope="row">seed-${seed}</th><td>${seed + 1}</td><td>40</td>`));
    expect(html).toMatch(/<th scope="row">Mean<\/th>.* ± /);
    expect(html).toContain("over all 2 runs");
    const elbo =
      /<figcaption>ELBO: held-out images<\/figcaption><svg.*?<\/svg>\s*<g class="legend">.*?<\/figure>/s.exec(html)![0];
    expect(elbo.match(/class="legend"/g)).toHaveLength(2);
    expect(html).toContain('<th scope="row">seed-1</th><td>seed: 1 → 2</td>');
  });

  it("counts a run that was not finished among them, and says so", async () => {
    mkdirSync(place.at("sweep/seed-2"));
    const config = JSON.parse(readFileSync(place.at("sweep/seed-0/config.json"), "utf8"));
    writeFileSync(place.at("sweep/seed-2/config.json"), JSON.stringify({ ...config, seed: 9 }));
    const { html } = await report("sweep");
    expect(html).toContain("3 runs, 2 of them finished");
    expect(html).toContain("seed-2 is unfinished: step 0 of 40");
    expect(html).toContain("over the 2 evaluated runs");
  });
});

describe("infer --steps-picture", () => {
  it("draws every step of the images that it was given", async () => {
    const exported = await place.runHere([
      "export",
      "sweep/seed-0",
      "--out",
      "model",
      "--images",
      "5",
      "--backend",
      "cpu",
    ]);
    expect(exported.code).toBe(0);
    const { readPng, encodePng } = await import("@air-onnx/scenes");
    mkdirSync(place.at("images"));
    const black = encodePng({ width: 50, height: 50, channels: 1, data: new Uint8Array(2500) });
    for (let i = 0; i < 25; i++) writeFileSync(place.at(`images/${i}.png`), black);
    const heights: number[] = [];
    for (const images of ["images/0.png", "images"]) {
      const args = ["infer", "model", images, "--json", "scenes.json", "--steps-picture", "steps/all.png"];
      const { code, stdout, stderr } = await place.runHere(args);
      expect(code).toBe(0);
      expect(stdout).toContain("Written: scenes.json, steps/all.png");
      expect(stderr.includes("notice: steps/all.png shows 24 of 25 images\n")).toBe(images === "images");
      const { width, height } = readPng(place.at("steps/all.png"));
      expect(width).toBeGreaterThan(5 * 150);
      heights.push(height);
    }
    expect(heights[1]).toBeGreaterThan(20 * (heights[0]! - 100));
  });
});
