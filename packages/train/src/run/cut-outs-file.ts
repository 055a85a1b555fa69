/**
 * The cut-outs of a run as a file, `cut-outs.safetensors`. They depend on the parameters of the step at which they were
 * made, of which no checkpoint may be left when the run is resumed.
 */
import {
  decodeSafetensors,
  encodeSafetensors,
  FileError,
  readWholeFile,
  reasonInWords,
  writeFileAtomic,
} from "@air-onnx/scenes";
import type { CutOut } from "../composition/cut-outs.js";

/** Most bytes of such a file that are read. */
const MAX_BYTES = 2 ** 30;

/** Writes the cut-outs, which were made after `step` training steps, as one file. */
export async function saveCutOuts(file: string, step: number, cutOuts: readonly CutOut[]): Promise<void> {
  const sizes = Float32Array.from(cutOuts.flatMap(({ width, height, pixels }) => [width, height, pixels.length]));
  const pixels = new Float32Array(cutOuts.reduce((sum, each) => sum + each.pixels.length, 0));
  let at = 0;
  for (const each of cutOuts) {
    pixels.set(each.pixels, at);
    at += each.pixels.length;
  }
  const tensors = {
    sizes: { dtype: "F32", shape: [cutOuts.length, 3], data: sizes },
    pixels: { dtype: "F32", shape: [pixels.length], data: pixels },
  } as const;
  await writeFileAtomic(file, encodeSafetensors(tensors, { step: String(step) }));
}

/**
 * Reads the cut-outs that were made after `step` training steps.
 *
 * @throws {FileError} if the file cannot be read, is damaged, or of another step
 */
export async function loadCutOuts(file: string, step: number): Promise<CutOut[]> {
  let bytes: Uint8Array;
  try {
    bytes = await readWholeFile(file, { maxBytes: MAX_BYTES });
  } catch (failure) {
    const cause = failure instanceof FileError ? failure.cause : failure;
    throw new FileError(
      `Cannot go on without the cut-outs ${file}, which composed images are made of: ${reasonInWords(cause)}`,
      file,
      { cause },
    );
  }
  const refuse = (reason: string): never => {
    throw new FileError(`${file} does not hold the cut-outs of this run: ${reason}`, file, { kind: "content" });
  };
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  if (metadata.step !== String(step)) refuse(`they were made after step ${metadata.step}, not ${step}`);
  const { sizes, pixels } = tensors;
  if (sizes?.dtype !== "F32" || pixels?.dtype !== "F32") return refuse("it lacks sizes or pixels");
  const cutOuts: CutOut[] = [];
  let at = 0;
  for (let i = 0; i < sizes.data.length; i += 3) {
    const [width, height, length] = sizes.data.subarray(i, i + 3) as unknown as [number, number, number];
    // It has all channels.
    const isSound = [width, height, length].every((side) => Number.isInteger(side) && side > 0);
    if (!isSound || length % (width * height) !== 0) return refuse("its sizes are damaged");
    cutOuts.push({ width, height, pixels: pixels.data.slice(at, at + length) });
    at += length;
  }
  if (at !== pixels.data.length) refuse("its sizes do not fit its pixels");
  return cutOuts;
}
