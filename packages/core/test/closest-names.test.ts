import { describe, expect, it } from "vitest";
import { closestNames } from "../src/closest-names.js";

const known = ["steps", "stepsPerRun", "batchSize", "optimizer.learningRate", "model.lstmSize", "model.objectSize"];

describe("closestNames", () => {
  it.each([
    ["stepz", "steps"],
    ["batchsize", "batchSize"],
    ["learningRate", "optimizer.learningRate"],
    ["lr", "optimizer.learningRate"],
    ["model.lstmSiz", "model.lstmSize"],
    ["training.step", "steps"],
  ])("proposes for %s first %s", (typed, meant) => {
    expect(closestNames(typed, known)[0]).toBe(meant);
  });

  it("proposes nothing for a name that is like none", () => {
    expect(closestNames("colour", known)).toEqual([]);
    expect(closestNames("", known)).toEqual([]);
  });
});
