import { RandomStream } from "@air-onnx/core";
import { describe, expect, it } from "vitest";
import { packBits, unpackBits } from "../src/packbits.js";
import {
  decodeRaster,
  decodeScene,
  encodeRaster,
  encodeScene,
  readPermalink,
  snapScene,
  writePermalink,
} from "../src/permalink.js";
import { blankRaster } from "../src/raster.js";

const zWhatSize = 50;
const random = () => new RandomStream(3);

function someScene() {
  const stream = random();
  const object = () => ({
    zWhere: [2 + stream.uniform(), stream.normal(), stream.normal()] as const,
    zWhat: stream.fillNormal(new Float32Array(zWhatSize)),
  });
  return { objects: [object(), object()] };
}

describe.each([
  { imageSize: 50, channels: 1 },
  { imageSize: 64, channels: 3 },
])("a drawing of $imageSize pixels and $channels channels", (form) => {
  it.each([
    ["empty", () => 0],
    ["noise", (stream: RandomStream) => stream.integer(256)],
    ["sparse", (stream: RandomStream) => (stream.uniform() < 0.1 ? stream.integer(256) : 0)],
  ])("that is %s survives its link to the bit", (_, pixel) => {
    const raster = blankRaster(form);
    const stream = random();
    raster.data.forEach((_, i) => {
      raster.data[i] = pixel(stream);
    });
    expect(decodeRaster(encodeRaster(raster), form)).toEqual(raster);
  });
});

it("keeps an empty drawing's link short", () => {
  expect(encodeRaster(blankRaster({ imageSize: 50, channels: 1 })).length).toBeLessThan(60);
});

it("refuses a drawing of another form, and what is no base64url", () => {
  const text = encodeRaster(blankRaster({ imageSize: 50, channels: 1 }));
  expect(() => decodeRaster(text, { imageSize: 64, channels: 1 })).toThrow(RangeError);
  expect(() => decodeRaster("a b", { imageSize: 50, channels: 1 })).toThrow(/base64url/);
  expect(() => decodeRaster(text.slice(0, 8), { imageSize: 50, channels: 1 })).toThrow(RangeError);
});

describe("a scene", () => {
  it("is read from its link with the precision of its integers", () => {
    const scene = someScene();
    const read = decodeScene(encodeScene(scene), { zWhatSize });
    read.objects.forEach(({ zWhere, zWhat }, i) => {
      const original = scene.objects[i]!;
      zWhere.forEach((value, axis) => {
        expect(Math.abs(value - original.zWhere[axis]!)).toBeLessThanOrEqual(1 / 1024);
      });
      Array.from(zWhat).forEach((value, z) => {
        expect(Math.abs(value - original.zWhat[z]!)).toBeLessThanOrEqual(1 / 8192);
      });
    });
    expect(read.objects).toHaveLength(2);
  });

  it("that was read from a link does not change in the next link", () => {
    const snapped = snapScene(someScene(), { zWhatSize });
    expect(snapScene(snapped, { zWhatSize })).toEqual(snapped);
  });

  it("may be empty", () => {
    expect(decodeScene(encodeScene({ objects: [] }), { zWhatSize })).toEqual({ objects: [] });
  });

  it("of another model, or without a size, is refused", () => {
    const text = encodeScene(someScene());
    expect(() => decodeScene(text, { zWhatSize: 20 })).toThrow(/another model/);
    const flat = { objects: [{ zWhere: [0, 0, 0] as const, zWhat: new Float32Array(zWhatSize) }] };
    expect(() => decodeScene(encodeScene(flat), { zWhatSize })).toThrow(/without a size/);
  });
});

it("writes and reads the fragment of a URL", () => {
  const link = { model: "multi-mnist", image: "a-_b", scene: "" };
  expect(readPermalink(writePermalink(link))).toEqual(link);
  expect(readPermalink("")).toEqual({});
});

describe("PackBits", () => {
  it.each([1, 2, 127, 128, 129, 300])("takes runs and literals of length %i", (length) => {
    const run = new Uint8Array(length).fill(7);
    const literal = Uint8Array.from({ length }, (_, i) => i % 251);
    for (const bytes of [run, literal, Uint8Array.from([...run, ...literal, ...run])]) {
      expect(Array.from(unpackBits(packBits(bytes), bytes.length))).toEqual(Array.from(bytes));
    }
    expect(packBits(run).length).toBeLessThanOrEqual(2 * Math.ceil(length / 128));
  });

  it("reads the example of Apple's technical note TN1023", () => {
    const packed = "fe aa 02 80 00 2a fd aa 03 80 00 2a 22 f7 aa".split(" ").map((byte) => Number.parseInt(byte, 16));
    const bytes = "aa aa aa 80 00 2a aa aa aa aa 80 00 2a 22 aa aa aa aa aa aa aa aa aa aa";
    expect(
      Array.from(unpackBits(Uint8Array.from(packed), 24), (byte) => byte.toString(16).padStart(2, "0")).join(" "),
    ).toBe(bytes);
  });
});
