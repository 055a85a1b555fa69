import { expect, it } from "vitest";
import { resamplePlanes } from "../src/resample.js";

const planes = (data: number[], width: number, height: number) => ({
  data: Float32Array.from(data),
  width,
  height,
  channels: data.length / (width * height),
});

it("keeps a picture of its own size, and an even one even", () => {
  const own = planes([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 3, 2);
  expect(resamplePlanes(own, { width: 3, height: 2 }).data).toEqual(own.data);
  for (const value of resamplePlanes(planes(new Array(70).fill(0.5), 10, 7), { width: 4, height: 9 }).data) {
    expect(value).toBeCloseTo(0.5, 6);
  }
});

it("interpolates between pixels, plane by plane", () => {
  const { data } = resamplePlanes(planes([0, 1, 1, 0], 2, 1), { width: 4, height: 1 });
  [0, 0.25, 0.75, 1, 1, 0.75, 0.25, 0].forEach((value, i) => void expect(data[i]).toBeCloseTo(value, 6));
});

it("lets every pixel count when it makes a picture smaller", () => {
  const single = (at: number) => {
    const one = new Array(64).fill(0);
    one[at] = 1;
    return resamplePlanes(planes(one, 8, 8), { width: 2, height: 2 }).data.reduce((sum, value) => sum + value, 0);
  };
  for (let at = 0; at < 64; at++) expect(single(at)).toBeGreaterThan(0.01);
});
