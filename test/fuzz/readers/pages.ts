/** The readers of the demo page: what a link holds, which anybody can write. */
import assert from "node:assert/strict";
import {
  decodeRaster,
  decodeScene,
  encodeRaster,
  encodeScene,
  readPermalink,
  writePermalink,
} from "../../../packages/demo/src/permalink.js";
import { blankRaster } from "../../../packages/demo/src/raster.js";
import { mutate } from "../mutations.js";
import type { Reader } from "../reader.js";

const form = { imageSize: 20, channels: 1, zWhatSize: 4 };

function soundLink(): Buffer {
  const raster = blankRaster(form);
  for (let i = 0; i < raster.data.length; i += 7) raster.data[i] = i % 256;
  const object = { zWhere: [2, 0.5, -0.5] as const, zWhat: Float32Array.of(0.1, -0.2, 0.3, 0) };
  const [image, scene] = [encodeRaster(raster), encodeScene({ objects: [object, object] })];
  return Buffer.from(writePermalink({ model: "multi-mnist", image, scene }));
}

export const pageReaders: readonly Reader[] = [
  {
    name: "permalink",
    corpus: [soundLink()],
    damages: [mutate],
    typedErrors: [RangeError],
    named: "",
    read(file) {
      const { image, scene } = readPermalink(file.toString("latin1"));
      if (image !== undefined) assert.equal(decodeRaster(image, form).data.length, 400);
      if (scene === undefined) return;
      for (const { zWhere, zWhat } of decodeScene(scene, form).objects) {
        assert.ok([...zWhere, ...Array.from(zWhat)].every(Number.isFinite));
        assert.ok(zWhere[0] > 0);
      }
    },
  },
];
