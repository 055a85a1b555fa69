import { describe, expect, it } from "vitest";
import { parseAirConfig } from "../src/config.js";
import { ImageError } from "../src/errors.js";
import { type ImageInput, toImageBatch, writePlanes } from "../src/images.js";

const grey = parseAirConfig({ imageSize: 2, objectSize: 2, channels: 1 });
const rgb = parseAirConfig({ imageSize: 2, objectSize: 2, channels: 3 });
const byte = { scale: 255 };

const picture = (channels: number, data: number[]) => ({ data: Uint8Array.from(data), width: 2, height: 2, channels });

function expectValues(actual: Float32Array, expected: number[]): void {
  expect([...actual]).toEqual([...Float32Array.from(expected)]);
}

describe("toImageBatch", () => {
  it("divides 8-bit values by the scale", () => {
    expectValues(toImageBatch(picture(1, [0, 51, 102, 255]), grey, byte), [0, 0.2, 0.4, 1]);
    expectValues(toImageBatch(picture(1, [0, 1, 1, 0]), grey, { scale: 1 }), [0, 1, 1, 0]);
  });

  it("takes several pictures in order", () => {
    const batch = toImageBatch([picture(1, [0, 0, 0, 255]), picture(1, [255, 0, 0, 0])], grey, byte);
    expectValues(batch, [0, 0, 0, 1, 1, 0, 0, 0]);
  });

  it("takes a Node Buffer and a Uint8ClampedArray", () => {
    const data = [0, 51, 102, 255];
    const size = { width: 2, height: 2, channels: 1 };
    expectValues(toImageBatch({ data: Buffer.from(data), ...size }, grey, byte), [0, 0.2, 0.4, 1]);
    expectValues(toImageBatch({ data: Uint8ClampedArray.from(data), ...size }, grey, byte), [0, 0.2, 0.4, 1]);
  });

  it("takes floating-point pictures as intensities, whatever the scale", () => {
    const data = Float32Array.from([0, 0.25, 0.5, 1]);
    expectValues(toImageBatch({ data, width: 2, height: 2, channels: 1 }, grey, byte), [0, 0.25, 0.5, 1]);
  });

  it("puts the channels of RGB in planes", () => {
    const data = [255, 0, 51, 0, 255, 0, 0, 0, 255, 255, 255, 255];
    expectValues(toImageBatch(picture(3, data), rgb, byte), [1, 0, 0, 1, 0, 1, 0, 1, 0.2, 0, 1, 1]);
  });

  it("composites RGBA over black, and reads ImageData, which has no channels", () => {
    const data = Uint8ClampedArray.from([255, 0, 0, 255, 255, 255, 255, 51, 255, 255, 255, 0, 0, 0, 255, 102]);
    expectValues(toImageBatch({ data, width: 2, height: 2 }, rgb, byte), [1, 0.2, 0, 0, 0, 0.2, 0, 0, 0, 0.2, 0, 0.4]);
  });

  it("takes the Rec. 601 luma of colours for a grey model", () => {
    const data = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
    expectValues(toImageBatch(picture(3, data), grey, byte), [0.299, 0.587, 0.114, 1]);
    const rgba = [255, 0, 0, 51, 0, 255, 0, 255, 0, 0, 255, 0, 255, 255, 255, 255];
    expectValues(toImageBatch(picture(4, rgba), grey, byte), [0.2 * 0.299, 0.587, 0, 1]);
  });

  it("gives an RGB model a grey picture in all channels", () => {
    expectValues(
      toImageBatch(picture(1, [0, 51, 102, 255]), rgb, byte),
      [0, 0.2, 0.4, 1, 0, 0.2, 0.4, 1, 0, 0.2, 0.4, 1],
    );
  });

  it("returns a ready batch without a copy", () => {
    const batch = Float32Array.from([0, 0.5, 1, 0, 1, 1, 1, 1]);
    expect(toImageBatch(batch, grey, byte)).toBe(batch);
  });

  it("copies a batch out of shared memory, which onnxruntime does not take", () => {
    const shared = new Float32Array(new SharedArrayBuffer(16));
    shared.set([0, 0.25, 0.5, 1]);
    const batch = toImageBatch(shared, grey, byte);
    expect(batch.buffer).toBeInstanceOf(ArrayBuffer);
    expectValues(batch, [0, 0.25, 0.5, 1]);
  });

  it.each<[string, unknown, RegExp]>([
    ["no pictures", [], /batch of images is empty/],
    ["an empty batch", new Float32Array(0), /batch of images is empty/],
    ["a batch with part of an image", new Float32Array(6), /multiple of 1x2x2 = 4 values, got 6/],
    [
      "another size",
      [picture(1, [0, 0, 0, 0]), { data: new Uint8Array(9), width: 3, height: 3, channels: 1 }],
      /image 1 is 3x3, this model takes 2x2: resize it first/,
    ],
    ["a wrong length", { data: new Uint8Array(4), width: 2, height: 2 }, /image 0 has 4 values.*needs 16.*channels/],
    ["grey with alpha", picture(2, new Array(8).fill(0)), /image 0 has 2 channels, this model takes 1/],
    ["another type", { data: [0, 0, 0, 0], width: 2, height: 2, channels: 1 }, /image 0 needs `data` as Uint8Array/],
    ["nothing", undefined, /image 0 needs `data`/],
    ["a list of arrays", [new Float32Array(4)], /image 0 needs `data`/],
    [
      "NaN in a batch",
      Float32Array.from([0, 0, 0, 0, 0, 0, Number.NaN, 0]),
      /image 1 has the intensity NaN at row 1, column 0, channel 0/,
    ],
    [
      "infinity in a batch",
      Float32Array.from([0, Number.POSITIVE_INFINITY, 0, 0]),
      /image 0.*Infinity at row 0, column 1/,
    ],
    ["0..255 in a batch", Float32Array.from([0, 0, 0, 255]), /intensity 255 at row 1, column 1.*\[0, 1\]/],
    [
      "a negative intensity",
      { data: Float32Array.from([0, -0.5, 0, 0]), width: 2, height: 2, channels: 1 },
      /image 0 has the intensity -0.5 at row 0, column 1/,
    ],
    [
      "NaN in one colour of many",
      { data: Float32Array.from([0, 0, 0, 0, 0, Number.NaN, 0, 0, 0, 0, 0, 0]), width: 2, height: 2, channels: 3 },
      /intensity NaN at row 0, column 1, channel 2/,
    ],
  ])("rejects %s", (_, input, message) => {
    expect(() => toImageBatch(input as ImageInput, grey, byte)).toThrow(ImageError);
    expect(() => toImageBatch(input as ImageInput, grey, byte)).toThrow(message);
  });

  it("rejects 8-bit values beyond the scale", () => {
    expect(() => toImageBatch(picture(1, [0, 0, 2, 0]), grey, { scale: 1 })).toThrow(/intensity 2 at row 1, column 0/);
  });

  it("rejects a sparse array instead of reading its holes as black images", () => {
    const grey1 = { data: new Uint8Array(4).fill(255), width: 2, height: 2, channels: 1 };
    const sparse = [grey1, grey1, grey1];
    delete sparse[1];
    for (const input of [sparse, new Array(3)]) {
      expect(() => toImageBatch(input, grey, { scale: 255 })).toThrow(ImageError);
      expect(() => toImageBatch(input, grey, { scale: 255 })).toThrow(/image [01] needs `data`/);
    }
  });
});

describe("writePlanes", () => {
  const form = { imageSize: 2, channels: 3 };
  const colours = { data: Uint8Array.from({ length: 12 }, (_, i) => i + 1), width: 2, height: 2, channels: 3 };

  it("writes bytes as they are, channel by channel", () => {
    const planes = new Uint8Array(12);
    writePlanes(colours, form, planes);
    expect([...planes]).toEqual([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]);
  });

  it("does not convert pictures into another form for a byte target", () => {
    const grey = { data: new Uint8Array(4), width: 2, height: 2, channels: 1 };
    expect(() => writePlanes(grey, form, new Uint8Array(12))).toThrow("image 0 has 1 channels, this model takes 3");
    const floats = { ...colours, data: new Float32Array(12) };
    expect(() => writePlanes(floats, form, new Uint8Array(12))).toThrow("has floating-point values");
  });

  it("gives the index of the wrong picture and, separately, the problem", () => {
    const wrong = { ...colours, width: 3 };
    const error = (() => {
      try {
        toImageBatch([colours, wrong], { ...grey, channels: 3 }, byte);
      } catch (cause) {
        return cause;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(ImageError);
    expect(error).toMatchObject({
      index: 1,
      problem: "is 3x2, this model takes 2x2: resize it first, or ask for a `fit`",
    });
  });

  it("needs a target for exactly one image", () => {
    expect(() => writePlanes(colours, form, new Float32Array(11))).toThrow(RangeError);
  });
});
