import { probeModel } from "@air-onnx/core";
import { expect, it } from "vitest";
import { cpuNodes, placeNodes } from "../src/index.js";

it("counts the nodes of a graph by the provider that ran them", async () => {
  const placement = await placeNodes(probeModel, "cpu");
  expect(placement).toEqual({ CPUExecutionProvider: { Relu: 1 } });
  expect(cpuNodes(placement)).toEqual({ total: 1, cpu: { Relu: 1 } });
});

it("counts the nodes of all providers together, and those of the CPU separately", () => {
  const placement = { WebGpuExecutionProvider: { Gemm: 3, Add: 2 }, CPUExecutionProvider: { Concat: 1 } };
  expect(cpuNodes(placement)).toEqual({ total: 6, cpu: { Concat: 1 } });
  expect(cpuNodes({ WebGpuExecutionProvider: { Gemm: 3 } })).toEqual({ total: 3, cpu: {} });
});
