/** A model with the results that a test sets. */
import { type Box, type ImageEvidence, parseAirConfig, type Scene, zWhereFromBox } from "@air-onnx/core";
import { emptyScenes, type SceneSet } from "@air-onnx/scenes";
import type { MeasurableModel } from "../src/index.js";

const config = parseAirConfig({ imageSize: 10, objectSize: 4, maxSteps: 2, zWhatSize: 1 });

export const box = (xmin: number, ymin: number, side = 4): Box => ({
  xmin,
  ymin,
  xmax: xmin + side,
  ymax: ymin + side,
});

/** One image: what is in it, what is found in it, and its bound. */
export interface Case {
  readonly truth: readonly Box[];
  readonly found: readonly Box[];
  /** The objects that `prune` leaves; all by default. */
  readonly needed?: readonly Box[];
  readonly elbo?: number;
  /** Score of each object that is found. */
  readonly score?: number;
  /** Probability of the count that is found. */
  readonly confidence?: number;
}

export function scenesOf(cases: readonly Case[]): SceneSet {
  const scenes = emptyScenes(cases.length, config.imageSize, 1, 2);
  cases.forEach(({ truth }, i) => {
    // The first pixel says which image it is.
    scenes.images[i * 100] = i;
    scenes.counts[i] = truth.length;
    truth.forEach(({ xmin, ymin, xmax, ymax }, object) => {
      scenes.boxes.set([xmin, ymin, xmax, ymax], (2 * i + object) * 4);
    });
  });
  return scenes;
}

export interface FakeModel extends MeasurableModel {
  /** Images and samples of each call for evidence. */
  readonly calls: { first: number; images: number; samples: number }[];
}

export function fakeModel(cases: readonly Case[]): FakeModel {
  const calls: FakeModel["calls"] = [];
  const casesIn = (images: Float32Array): Case[] =>
    Array.from({ length: images.length / 100 }, (_, i) => cases[Math.round(255 * images[i * 100]!)]!);
  const probabilities = ({ found, confidence = 0.9 }: Case): number[] =>
    [0, 1, 2].map((n) => (n === found.length ? confidence : (1 - confidence) / 2));
  return {
    calls,
    config,
    infer: async (images, { prune }) =>
      casesIn(images).map((each): Scene => {
        const shown = prune === true ? (each.needed ?? each.found) : each.found;
        return {
          count: shown.length,
          countProbabilities: probabilities(each),
          objects: shown.map((found) => ({
            presence: 1,
            score: each.score ?? 1,
            box: { xmin: 0, ymin: 0, xmax: 10, ymax: 10 },
            tightBox: found,
            mask: new Uint8Array(100),
            zWhere: zWhereFromBox(found, 10),
            zWhat: new Float32Array(1),
            patch: new Float32Array(16),
          })),
          reconstruction: new Float32Array(100),
          elbo: 0,
          steps: 2,
        };
      }),
    evidence: async (images, { samples = 1, firstImage = 0, signal, onProgress }) => {
      signal?.throwIfAborted();
      calls.push({ first: firstImage, images: images.length / 100, samples });
      onProgress?.((images.length / 100) * samples);
      return casesIn(images).map((each): ImageEvidence => {
        const elbo = each.elbo ?? 0;
        return {
          ...{ elbo, logLikelihood: elbo + 6, klWhere: 1, klWhat: 2, klCount: 3 },
          countProbabilities: probabilities(each),
          importanceWeighted: elbo + samples,
          effectiveSamples: samples / 2,
          analyticKlFormula: elbo + 2 * samples,
        };
      });
    },
  };
}
