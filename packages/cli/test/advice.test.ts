/** What the command line adds to the errors of the packages below it. */
import { ImageError } from "@air-onnx/core/errors";
import { DeviceUnavailableError } from "@air-onnx/runtime-node/errors";
import { DataError, FileError, OutputFolderError } from "@air-onnx/scenes/errors";
import { BackendUnavailableError, DivergedError, NoCheckpointError } from "@air-onnx/train/errors";
import { expect, it } from "vitest";
import { adviceFor } from "../src/advice.js";
import { createProgram } from "../src/program.js";

const cases: readonly (readonly [error: Error, advice: string | undefined])[] = [
  [new DataError("no such size", { kind: "option", key: "imageSize" }), undefined],
  [new DataError("too many", { kind: "option", key: "maxCount" }), "The flag for maxCount is --max-count."],
  [new DataError("not a seed", { kind: "option", key: "streamSeed" }), "The flag for streamSeed is --seed."],
  [new DataError("no folder", { kind: "missing", key: "mnistDir" }), "The flag for mnistDir is --mnist-dir."],
  [new DataError("no file", { kind: "option", key: "path" }), "The flag for path is --data."],
  [new DataError("another size", { kind: "option", key: "dataset" }), "The flag for dataset is --dataset."],
  [
    new OutputFolderError("taken", "runs/a", { kind: "occupied", holds: "run" }),
    "Go on with it by --resume runs/a, or choose another folder by --out.",
  ],
  [
    new OutputFolderError("taken", "sweeps/a", { kind: "occupied", holds: "sweep" }),
    "Go on with it by --resume sweeps/a, or choose another folder by --out.",
  ],
  [
    new OutputFolderError("taken", "models/a", { kind: "occupied", holds: "model" }),
    "Replace it by --overwrite, or choose another folder by --out.",
  ],
  [new OutputFolderError("cannot be made", "file/a"), "Choose another folder by --out."],
  [new FileError("cannot be read", "a"), undefined],
  [new NoCheckpointError("runs/a"), "Train it further by: air-onnx train --resume runs/a"],
  [
    new BackendUnavailableError("webgpu", "no GPU", { kind: "hardware" }),
    "Choose another backend by --backend. What can run here is listed by: air-onnx doctor",
  ],
  [
    new DeviceUnavailableError("cuda", "no GPU", ["cpu"]),
    "Choose another device by --device. What can run here is listed by: air-onnx doctor",
  ],
  [
    new DivergedError(3, "loss", Number.NaN, undefined),
    "The flags are --learning-rate, --set optimizer.clipNorm=VALUE, --seed.",
  ],
  [
    new DivergedError(1, "loss", Number.NaN, undefined),
    "Settings are changed by --set, such as --set model.likelihood.std=0.3.",
  ],
  [new ImageError("is 3x3", 1), undefined],
  [new Error("anything"), undefined],
];

it.each(cases)("%s", (error, advice) => {
  expect(adviceFor(error)).toEqual(advice === undefined ? [] : [advice]);
});

it("names flags that there are", async () => {
  const { commands } = await createProgram([]);
  const loaded = await Promise.all(commands.map((command) => createProgram([command.name()])));
  const flags = new Set(
    loaded.flatMap(({ commands }) => commands.flatMap(({ options }) => options.map(({ long }) => long))),
  );
  const named = cases.flatMap(([error]) => adviceFor(error).flatMap((line) => line.match(/--[a-z-]+/g) ?? []));
  expect(new Set(named).size).toBeGreaterThan(10);
  for (const flag of named) expect(flags).toContain(flag);
});
