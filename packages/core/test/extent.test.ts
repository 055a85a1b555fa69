import { describe, expect, it } from "vitest";
import { type Layer, objectExtents } from "../src/extent.js";
import { type Box, type ZWhere, zWhereFromBox } from "../src/where.js";

const S = 12;
const grey = { channels: 1, imageSize: S, objectSize: 6 };

const box = (xmin: number, ymin: number, xmax: number, ymax: number): Box => ({ xmin, ymin, xmax, ymax });
const windowOf = (xmin: number, ymin: number, side: number): ZWhere =>
  zWhereFromBox(box(xmin, ymin, xmin + side, ymin + side), S);

/** An image `[1, S, S]` with rectangles of the given values, the later ones on top. */
function picture(...rectangles: readonly (readonly [Box, number])[]): Float32Array {
  const image = new Float32Array(S * S);
  for (const [{ xmin, ymin, xmax, ymax }, value] of rectangles) {
    for (let y = ymin; y < ymax; y++) image.fill(value, y * S + xmin, y * S + xmax);
  }
  return image;
}

const sum = (...images: readonly Float32Array[]): Float32Array =>
  images[0]!.map((_, i) => images.reduce((total, image) => total + image[i]!, 0));

/** The layers of objects that draw these images, one on the other. */
function layersOf(...drawn: readonly Float32Array[]): Layer[] {
  return drawn.map((_, i) => ({
    before: i === 0 ? undefined : sum(...drawn.slice(0, i)),
    after: sum(...drawn.slice(0, i + 1)),
  }));
}

describe("objectExtents", () => {
  it("takes the edges from the image, not from the blur that the model draws around the object", () => {
    const ink = box(4, 3, 7, 8);
    const drawn = picture([box(2, 2, 9, 9), 0.1], [ink, 0.9]);
    const image = picture([ink, 1]);
    const [extent] = objectExtents([windowOf(2, 2, 7)], layersOf(drawn), drawn, image, grey);
    expect(extent!.tightBox).toEqual(ink);
    expect(extent!.mask).toEqual(Uint8Array.from(image));
  });

  it("leaves out faint pixels of the image", () => {
    const ink = box(4, 3, 7, 8);
    const drawn = picture([box(2, 2, 9, 9), 0.5]);
    const of = (level: number): Box =>
      objectExtents(
        [windowOf(2, 2, 7)],
        layersOf(drawn),
        drawn,
        picture([box(3, 2, 8, 9), level], [ink, 0.8]),
        grey,
      )[0]!.tightBox;
    expect(of(0.07)).toEqual(ink);
    expect(of(0.09)).toEqual(box(3, 2, 8, 9));
  });

  it("gives each of two objects its own ink within the window of the other", () => {
    const [left, right] = [box(1, 1, 5, 6), box(5, 4, 10, 10)];
    // Each is drawn a little into the other.
    const drawn = [picture([box(1, 1, 7, 7), 0.1], [left, 1]), picture([box(3, 3, 10, 10), 0.1], [right, 1])];
    const image = picture([left, 1], [right, 1]);
    const windows = [windowOf(0, 0, 8), windowOf(3, 3, 8)];
    const extents = objectExtents(windows, layersOf(...drawn), sum(...drawn), image, grey);
    expect(extents.map(({ tightBox }) => tightBox)).toEqual([left, right]);
    expect(sum(...extents.map(({ mask }) => Float32Array.from(mask)))).toEqual(image);
  });

  it("gives both objects the pixels that they draw alike", () => {
    const [left, right] = [box(1, 1, 6, 6), box(4, 4, 10, 10)];
    const drawn = [picture([left, 0.5]), picture([right, 0.52])];
    const canvas = sum(...drawn);
    const windows = [windowOf(1, 1, 5), windowOf(4, 4, 6)];
    const extents = objectExtents(windows, layersOf(...drawn), canvas, canvas, grey);
    expect(extents.map(({ tightBox }) => tightBox)).toEqual([left, right]);
  });

  it("joins the channels: objects of different colours both have the pixels where they overlap", () => {
    const [red, blue] = [box(1, 1, 6, 6), box(4, 4, 10, 10)];
    const black = new Float32Array(S * S);
    const planes = (...channels: readonly Float32Array[]) => Float32Array.from(channels.flatMap((each) => [...each]));
    const drawn = [planes(picture([red, 0.3]), black, black), planes(black, black, picture([blue, 1]))];
    const image = planes(picture([red, 0.4]), black, picture([blue, 1]));
    const windows = [windowOf(1, 1, 5), windowOf(4, 4, 6)];
    const extents = objectExtents(windows, layersOf(...drawn), sum(...drawn), image, { ...grey, channels: 3 });
    expect(extents.map(({ tightBox }) => tightBox)).toEqual([red, blue]);
    expect(extents[0]!.mask).toEqual(Uint8Array.from(picture([red, 1])));
  });

  it("takes what is drawn where there is no image, without its faintest fifth", () => {
    const object = box(4, 3, 7, 8);
    const of = (blur: number): Box => {
      const drawn = picture([box(3, 2, 8, 9), blur], [object, 0.5]);
      return objectExtents([windowOf(2, 2, 7)], layersOf(drawn), drawn, undefined, grey)[0]!.tightBox;
    };
    expect(of(0.09)).toEqual(object);
    expect(of(0.11)).toEqual(box(3, 2, 8, 9));
  });

  it("keeps to the image where the window does not, and finds what fades outside of the window", () => {
    const drawn = picture([box(0, 8, 4, 12), 1]);
    const [extent] = objectExtents([windowOf(-4, 8.4, 7.5)], layersOf(drawn), drawn, drawn, grey);
    expect(extent!.tightBox).toEqual(box(0, 8, 4, 12));
  });

  it.each([
    ["draws nothing", picture(), picture([box(0, 0, S, S), 1])],
    ["draws where the image is black", picture([box(3, 3, 6, 6), 1]), picture()],
  ])("gives an object that %s the part of its window in the image, and no pixel", (_, drawn, image) => {
    const [extent] = objectExtents([windowOf(-2, 3, 6)], layersOf(drawn), drawn, image, grey);
    expect(extent!.tightBox).toEqual(box(0, 3, 4, 9));
    expect(extent!.mask).toEqual(new Uint8Array(S * S));
  });

  it("takes windows of any size and place", () => {
    const drawn = picture([box(2, 2, 4, 4), 1]);
    for (const zWhere of [
      [1e-30, 0, 0],
      [1e30, 0, 0],
      [-1, 0, 0],
      [3, 1e20, -1e20],
    ] satisfies ZWhere[]) {
      const [extent] = objectExtents([zWhere], layersOf(drawn), drawn, drawn, grey);
      for (const edge of Object.values(extent!.tightBox)) expect(edge >= 0 && edge <= S).toBe(true);
    }
  });
});
