/** Pictures of any size from files, URLs and bytes, and one call from a file to its objects. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AirModel, countObjects, ImageError, type Picture, type PictureScene, sceneSvg } from "../src/index.js";
import { writeTinyModel } from "./tiny-model.js";

let folder: string;
let modelFolder: string;
let model: AirModel;
let server: Server;
let png: Buffer;
/** 9x6 pixels, of which the model takes 4x4 at a time. */
const picture: Picture = {
  data: Uint8Array.from({ length: 54 }, (_, i) => (i * 37) % 256),
  width: 9,
  height: 6,
  channels: 1,
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "air-onnx-sources-"));
  modelFolder = await writeTinyModel();
  model = await AirModel.fromPretrained(modelFolder, { threads: 1 });
  png = await sharp(picture.data, { raw: { width: 9, height: 6, channels: 1 } })
    .png()
    .toBuffer();
  writeFileSync(join(folder, "picture.png"), png);
  server = createServer((request, response) => {
    if (request.url === "/picture.png") response.end(png);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await model.dispose();
  server.close();
  for (const each of [folder, modelFolder]) rmSync(each, { recursive: true });
});

const address = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;

describe("infer", () => {
  it("gives the same objects for a picture as path, URL, bytes, Blob and pixels, in the picture's pixels", async () => {
    const expected = await model.infer(picture, { fit: "tiles" });
    expect(expected[0]).toMatchObject({ width: 9, height: 6, scale: 1 });
    expect(expected[0]!.tiles.length).toBeGreaterThan(1);
    expect(Math.max(...expected[0]!.objects.map(({ tightBox }) => tightBox.xmax))).toBeGreaterThan(4);
    const path = join(folder, "picture.png");
    const bytes = new Uint8Array(png);
    const sources = [path, pathToFileURL(path), pathToFileURL(path).href, address("picture.png"), png, bytes];
    for (const source of [
      ...sources,
      bytes.buffer,
      new Blob([bytes]),
      `data:image/png;base64,${png.toString("base64")}`,
    ]) {
      expect(await model.infer(source)).toEqual(expected);
    }
    expect(await model.infer([path, picture])).toEqual([expected[0], expected[0]]);
  });

  it("reads 16 bits by the white of a camera, and turns pictures as their EXIF data says", async () => {
    const deep = Uint16Array.from(picture.data, (value) => value * 16);
    const tiff = await sharp(deep, { raw: { width: 9, height: 6, channels: 1 } })
      .toColourspace("grey16")
      .tiff({ compression: "none" })
      .toBuffer();
    const levels = Float32Array.from(deep, (value) => value / 4095);
    const [expected] = await model.infer({ ...picture, data: levels }, { fit: "tiles" });
    const [found] = await model.infer(tiff);
    expect(found!.count).toBe(expected!.count);
    found!.objects.forEach(({ zWhat }, i) => {
      zWhat.forEach((value, k) => void expect(value).toBeCloseTo(expected!.objects[i]!.zWhat[k]!, 4));
    });
    const turned = await sharp(png).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    expect((await model.infer(turned))[0]).toMatchObject({ width: 6, height: 9 });
  });

  it("keeps pixels of the model's own size scenes, as before", async () => {
    const own = { ...picture, data: picture.data.subarray(0, 16), width: 4, height: 4 } as Picture;
    const [scene] = await model.infer(own);
    expect(scene!.reconstruction).toHaveLength(16);
    await expect(model.infer(picture)).rejects.toThrow("is 9x6, this model takes 4x4");
  });

  it("names a file that cannot be read, and its place among several", async () => {
    const wrong = async (source: unknown): Promise<ImageError> =>
      (await model.infer([png, source as string]).catch((error: unknown) => error)) as ImageError;
    for (const [source, message] of [
      [join(folder, "missing.png"), /image 1 \(.*missing\.png\) cannot be read: ENOENT/],
      [folder, /cannot be read: it is not a file/],
      [address("missing.png"), /missing\.png\) cannot be read: the answer was 404/],
      [Uint8Array.of(1, 2, 3), /image 1 cannot be read: it is no PNG, JPEG, WebP or TIFF file/],
      // Sharp would draw it, and whatever it names.
      [
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="6"/>'),
        /it is no PNG, JPEG, WebP or TIFF/,
      ],
      [new Uint8Array(png.subarray(0, png.length - 20)), /image 1 cannot be read/],
      // What programs without types give; none of it is the name of a file.
      [new Float32Array(16), /it is a Float32Array: give a batch as one Float32Array \[B, C, S, S\], or each image as/],
      [[0, 1], /it is an array: give a path or URL/],
      [{ pixels: 4 }, /it is a Object: give a path/],
      [42, /image 1 cannot be read: it is 42: give a path/],
      [null, /it is null: give/],
      [undefined, /it is undefined: give/],
    ] as const) {
      const error = await wrong(source);
      expect(error).toBeInstanceOf(ImageError);
      expect(error.index).toBe(1);
      expect(error.message).toMatch(message);
    }
  });

  it("refuses options that there are not, and says which may have been meant", async () => {
    const options = { treshold: 0.5 } as object;
    await expect(model.infer(png, options)).rejects.toThrow("infer has no option treshold. Did you mean threshold?");
    await expect(model.infer(new Float32Array(16), options)).rejects.toThrow("Did you mean threshold?");
    await expect(model.sample(1, { sed: 1 } as object)).rejects.toThrow("sample has no option sed. Did you mean seed?");
  });

  it("stops when it is aborted", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(model.infer(png, { signal })).rejects.toThrow("enough");
  });
});

describe("countObjects", () => {
  it("goes from a file to its objects in one call, with an open model or the place of one", async () => {
    const [expected] = (await model.infer(png)) as [PictureScene];
    expect(await countObjects(modelFolder, join(folder, "picture.png"))).toEqual(expected);
    expect(await countObjects(model, picture)).toEqual(expected);
    expect(await countObjects(model, png, { fit: "scale" })).toMatchObject({ width: 9, tiles: [{ x: 0 }] });
    await expect(countObjects(join(folder, "nowhere"), png)).rejects.toThrow("nowhere");
    expect(sceneSvg(expected, { image: png })).toContain("data:image/png;base64,");
  });
});
