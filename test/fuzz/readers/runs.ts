/** The readers of runs: configuration, checkpoint and metrics. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "@air-onnx/core";
import { FileError, SafetensorsError } from "@air-onnx/scenes";
import {
  CheckpointError,
  createRunFolder,
  loadCheckpoint,
  openRunFolder,
  parseTrainConfig,
  readMetrics,
  saveCheckpoint,
} from "@air-onnx/train/runs";
import { mutateValues } from "../json-values.js";
import { mutate } from "../mutations.js";
import { type Reader, SOURCE } from "../reader.js";

const shapes = () => ({ w: [2] });
const w = { w: { shape: [2], data: Float32Array.of(1, -2) } };
const state = { step: 5, parameters: w, firstMoment: w, secondMoment: w };

export async function runReaders(folder: string): Promise<Reader[]> {
  const run = join(folder, "run");
  const opened = await createRunFolder(run, parseTrainConfig({ dataset: "multi-strokes", seed: 3 }), () => {});
  opened.lock.release();
  const header = await saveCheckpoint(opened.folder, state);
  const tensors = header.replace(/json$/, "safetensors");
  const [headerBytes, tensorBytes] = [readFileSync(header), readFileSync(tensors)];
  // Folders and files that have SOURCE in their names, as the messages name them.
  const at = (name: string): string => join(folder, "runs", SOURCE, name);
  mkdirSync(at("checkpoints"), { recursive: true });
  const metrics = [
    { kind: "train", step: 10, loss: 1.5 },
    { kind: "evaluation", step: 20, elbo: -3 },
  ];
  return [
    {
      name: "config.json of a run",
      corpus: [readFileSync(opened.folder.configFile)],
      damages: [mutate, mutateValues],
      typedErrors: [FileError, ConfigError],
      named: "",
      read(file) {
        writeFileSync(at("config.json"), file);
        const { config } = openRunFolder(join(folder, "runs", SOURCE));
        assert.deepEqual(parseTrainConfig(config), config);
      },
    },
    {
      name: "checkpoint",
      corpus: [headerBytes, tensorBytes],
      damages: [
        mutate,
        (file, mutations) => (file[0] === 0x7b ? mutateValues(file, mutations) : mutate(file, mutations)),
      ],
      typedErrors: [FileError, CheckpointError, SafetensorsError],
      named: SOURCE,
      async read(file, sound) {
        const isHeader = sound.equals(headerBytes);
        writeFileSync(at("checkpoints/step.json"), isHeader ? file : headerBytes);
        writeFileSync(at("checkpoints/step.safetensors"), isHeader ? tensorBytes : file);
        const { parameters, firstMoment, secondMoment } = await loadCheckpoint(at("checkpoints/step.json"), shapes);
        for (const part of [parameters, firstMoment, secondMoment]) assert.deepEqual([...part.w!.data], [1, -2]);
      },
    },
    {
      name: "metrics.jsonl",
      corpus: [Buffer.from(metrics.map((line) => `${JSON.stringify(line)}\n`).join(""))],
      damages: [mutate],
      typedErrors: [FileError],
      named: SOURCE,
      async read(file) {
        writeFileSync(at("metrics.jsonl"), file);
        for (const { step } of await readMetrics(at("metrics.jsonl"), () => {})) assert.equal(typeof step, "number");
      },
    },
  ];
}
