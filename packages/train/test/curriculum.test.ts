import { describe, expect, it } from "vitest";
import { parseTrainConfig } from "../src/config.js";
import { stageAt } from "../src/curriculum.js";

describe("stageAt", () => {
  it("adds one inference step at the end of each stage, up to all of them", () => {
    const config = parseTrainConfig({ dataset: "multi-strokes", steps: 1000, curriculum: [0.1, 0.2] });
    const stages = [0, 99, 100, 299, 300, 999, 1000].map((step) => {
      const stage = stageAt(config, step);
      return [step, stage.config.model.maxSteps, stage.end];
    });
    expect(stages).toEqual([
      [0, 1, 100],
      [99, 1, 100],
      [100, 2, 300],
      [299, 2, 300],
      [300, 3, 1000],
      [999, 3, 1000],
      [1000, 3, 1000],
    ]);
    const { maxSteps, ...rest } = config.model;
    expect(stageAt(config, 0).config).toEqual({ ...config, model: { ...rest, maxSteps: 1 } });
  });

  it("ends stages at a multiple of stepsPerRun, and skips a stage that is shorter", () => {
    const config = parseTrainConfig({ dataset: "multi-strokes", steps: 200, curriculum: [0.04, 0.14] });
    expect(stageAt(config, 0)).toMatchObject({ config: { model: { maxSteps: 2 } }, end: 40 });
  });

  it("leaves the last stage some steps, of any number", () => {
    const config = parseTrainConfig({ dataset: "multi-strokes", steps: 230, curriculum: [0.98] });
    expect(stageAt(config, 0)).toMatchObject({ config: { model: { maxSteps: 1 } }, end: 220 });
    expect(stageAt(config, 220)).toMatchObject({ config, end: 230 });
  });

  it("is the whole run without a curriculum", () => {
    const config = parseTrainConfig({ dataset: "multi-strokes" });
    expect(stageAt(config, 0)).toMatchObject({ config, end: config.steps });
  });
});
