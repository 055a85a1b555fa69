import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG } from "pngjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readPictureInBytes, whiteOfFiles } from "../../src/files/picture-files.js";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "air-onnx-pictures-"));
  const write = (name: string, level: number): void => {
    const png = new PNG({ width: 2, height: 2, bitDepth: 16, colorType: 0, inputColorType: 0, inputHasAlpha: false });
    const samples = Uint16Array.from([level, 0, 0, 0]);
    png.data = Buffer.from(samples.buffer);
    writeFileSync(
      at(name),
      PNG.sync.write(png, { bitDepth: 16, colorType: 0, inputColorType: 0, inputHasAlpha: false }),
    );
  };
  write("faint.png", 900);
  write("bright.png", 3900);
  const flat = new PNG({ width: 2, height: 2 });
  flat.data.fill(255);
  writeFileSync(at("bytes.png"), PNG.sync.write(flat));
  writeFileSync(at("broken.png"), "no image at all, but longer than a head");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("gives all files of 16 bits the white that the brightest needs, whatever their order", async () => {
  const lines: string[] = [];
  for (const names of [
    ["faint.png", "broken.png", "bytes.png", "bright.png"],
    ["bright.png", "faint.png", "missing.png"],
  ]) {
    const white = await whiteOfFiles(names.map(at), (line) => void lines.push(line));
    expect(white).toBe(4095);
    expect((await readPictureInBytes(at("faint.png"), white, () => {})).data[0]).toBe(Math.round((255 * 900) / 4095));
    expect((await readPictureInBytes(at("bytes.png"), white, () => {})).data[0]).toBe(255);
  }
  expect(lines).toHaveLength(2);
  expect(lines[0]).toBe("2 images have 16 bits, with values up to 3900: 4095 is white in them");
});

it("says nothing where all have 8 bits", async () => {
  const lines: string[] = [];
  expect(await whiteOfFiles([at("bytes.png"), at("broken.png")], (line) => void lines.push(line))).toBe(255);
  expect(lines).toEqual([]);
});
