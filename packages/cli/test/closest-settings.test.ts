import { describe, expect, it } from "vitest";
import { closestSettings } from "../src/closest-settings.js";

const known = ["steps", "stepsPerRun", "batchSize", "optimizer.learningRate", "model.lstmSize", "model.objectSize"];

describe("closestSettings", () => {
  it.each([
    ["stepz", "steps"],
    ["batchsize", "batchSize"],
    ["learningRate", "optimizer.learningRate"],
    ["lr", "optimizer.learningRate"],
    ["model.lstmSiz", "model.lstmSize"],
    ["training.step", "steps"],
  ])("proposes for %s first %s", (typed, meant) => {
    expect(closestSettings(typed, known)[0]).toBe(meant);
  });

  it("proposes nothing for a name that is like none", () => {
    expect(closestSettings("colour", known)).toEqual([]);
    expect(closestSettings("", known)).toEqual([]);
  });
});
