/**
 * Errors of the packages below in the words of the command line: which flag or command helps. The packages know their own
 * options only. It is loaded when a command has failed.
 */
import { CollapsedRunError } from "@air-onnx/export/errors";
import { DeviceUnavailableError } from "@air-onnx/runtime-node/errors";
import { DataError, OutputFolderError } from "@air-onnx/scenes/errors";
import { BackendUnavailableError, DivergedError, NoCheckpointError, UnfinishedRunError } from "@air-onnx/train/errors";
import { flagOfChoice } from "./option-values.js";
import { flagOfSetting } from "./train-settings.js";

/** Lines that name the flag or command that helps against an error; none where there is no such flag. */
export function adviceFor(error: unknown): string[] {
  if (error instanceof DataError) {
    const flag = error.key === undefined ? undefined : flagOfChoice(error.key);
    return flag === undefined ? [] : [`The flag for ${error.key} is ${flag}.`];
  }
  if (error instanceof OutputFolderError) return [outputAdvice(error)];
  if (error instanceof CollapsedRunError) return ["The flag is --force."];
  if (error instanceof NoCheckpointError) return [`Train it further by: air-onnx train --resume ${error.path}`];
  if (error instanceof UnfinishedRunError) return [`Finish it by: air-onnx train --resume ${error.path}`];
  if (error instanceof BackendUnavailableError) {
    return ["Choose another backend by --backend. What can run here is listed by: air-onnx doctor"];
  }
  if (error instanceof DeviceUnavailableError) {
    return ["Choose another device by --device. What can run here is listed by: air-onnx doctor"];
  }
  if (error instanceof DivergedError) {
    if (error.step === 1) return ["Settings are changed by --set, such as --set model.likelihood.std=0.3."];
    const keys = ["optimizer.learningRate", "optimizer.clipNorm", "seed"];
    return [`The flags are ${keys.map(flagOfSetting).join(", ")}.`];
  }
  return [];
}

function outputAdvice({ holds, path }: OutputFolderError): string {
  switch (holds) {
    case "run":
    case "sweep":
      return `Go on with it by --resume ${path}, or choose another folder by --out.`;
    case "model":
      return "Replace it by --overwrite, or choose another folder by --out.";
    case "other":
      return "Choose another folder by --out.";
    default:
      return holds satisfies never;
  }
}
