import { describe, expect, it } from "vitest";
import { loadObjectTruth, loadSplits, SHARED_PIXEL, trueBoxes, UNKNOWN_KIND } from "../src/index.js";

describe("loadObjectTruth", () => {
  const options = { testSize: 40, seed: 3, cacheDir: "/nonexistent/air-onnx" };

  it.each(["multi-strokes", "multi-dsprites-64", "multi-discs"] as const)(
    "has the pixels of the images of %s",
    async (name) => {
      const { test } = await loadSplits(name, ["test"], options);
      const truth = (await loadObjectTruth(name, "test", options))!;
      expect(truth.counts).toEqual(test.counts);
      const { imageSize: side, channels, maxObjects } = test;
      let shared = 0;
      for (let i = 0; i < test.size; i++) {
        const owners = truth.owners.subarray(i * side ** 2, (i + 1) * side ** 2);
        const image = test.images.subarray(i * channels * side ** 2, (i + 1) * channels * side ** 2);
        // The light is where an owner is, and nowhere else.
        const isLit = (k: number): boolean =>
          Array.from({ length: channels }, (_, c) => image[c * side ** 2 + k]!).some(Boolean);
        expect(owners.findIndex((owner, k) => owner > 0 !== isLit(k))).toBe(-1);
        shared += owners.filter((owner) => owner === SHARED_PIXEL).length;
        trueBoxes(test, i).forEach(({ xmin, ymin, xmax, ymax }, object) => {
          const isOutside = (k: number): boolean => {
            const [x, y] = [k % side, Math.floor(k / side)];
            return x < xmin || x >= xmax || y < ymin || y >= ymax;
          };
          expect(owners.findIndex((owner, k) => owner === object + 1 && isOutside(k))).toBe(-1);
          const kind = truth.kinds[i * maxObjects + object]!;
          if (name === "multi-discs") expect(kind).toBe(UNKNOWN_KIND);
          else expect(kind).toBeLessThan(name === "multi-strokes" ? 10 : 3);
        });
        for (let object = test.counts[i]!; object < maxObjects; object++) {
          expect(truth.kinds[i * maxObjects + object]).toBe(UNKNOWN_KIND);
        }
      }
      // Discs keep apart.
      if (name === "multi-discs") expect(shared).toBe(0);
      else expect(shared).toBeGreaterThan(0);
    },
  );

  it("draws the first images alone if asked to, and knows nothing of splits that are not there", async () => {
    const all = (await loadObjectTruth("multi-strokes", "test", options))!;
    const few = (await loadObjectTruth("multi-strokes", "test", { ...options, images: 5 }))!;
    expect(few.size).toBe(5);
    expect(few.owners).toEqual(all.owners.subarray(0, 5 * 2500));
    await expect(loadObjectTruth("multi-strokes", "fresh", options)).rejects.toThrow("has no fresh images");
    expect(await loadObjectTruth("npz", "test", { path: "absent.npz" })).toBeUndefined();
  });
});
