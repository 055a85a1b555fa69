/** Shows a sweep while it runs: a line for every evaluation and every seed that ends, and a bar for the whole sweep. */

import { count, duration } from "@air-onnx/measure/format";
import { headlines } from "@air-onnx/measure/measures";
import type { MetricsRecord, SeedRecord, SweepFolder, SweepListener } from "@air-onnx/train";
import type { Progress } from "./progress.js";

/** A listener that shows a sweep's events through `progress`. */
export class SweepReport implements SweepListener {
  readonly #began = performance.now();
  /** Number of steps done, by seed. */
  readonly #steps = new Map<number, number>();
  readonly #training = new Set<number>();
  readonly #doneBefore: number;

  constructor(
    private readonly sweep: SweepFolder,
    private readonly progress: Progress,
  ) {
    for (const seed of sweep.seeds) this.#steps.set(seed.seed, "step" in seed ? seed.step : 0);
    this.#doneBefore = this.#done();
  }

  started(seed: number, step: number): void {
    this.#training.add(seed);
    this.progress.line(`seed ${seed}: ${step > 0 ? `going on near step ${count(step)}` : "training"}`);
    this.reached(seed, step);
  }

  reached(seed: number, step: number): void {
    this.#steps.set(seed, step);
    this.#show();
  }

  evaluated(seed: number, record: MetricsRecord): void {
    this.progress.line(`seed ${seed}: step ${count(record.step)}, ${headlines(record)}`);
  }

  ended(seed: SeedRecord): void {
    this.#training.delete(seed.seed);
    if (seed.status === "finished") {
      const time = duration(60 * seed.trainingMinutes);
      this.progress.line(`seed ${seed.seed}: finished, ${headlines(seed.evaluation)}, ${time} of training steps`);
    } else if (seed.status === "failed") {
      this.progress.line(`seed ${seed.seed}: failed near step ${count(seed.step)}: ${seed.failure}`);
    } else if (seed.status === "stopped") {
      this.progress.line(`seed ${seed.seed}: stopped near step ${count(seed.step)}`);
    }
    this.reached(seed.seed, "step" in seed ? seed.step : 0);
  }

  #done(): number {
    return [...this.#steps.values()].reduce((sum, step) => sum + step, 0);
  }

  /** Number of all steps. A failed seed adds only the steps that it did. */
  #total(): number {
    const { steps } = this.sweep.plan.config;
    return this.sweep.seeds.reduce((sum, seed) => sum + (seed.status === "failed" ? seed.step : steps), 0);
  }

  #show(): void {
    const { finished, failed, seeds } = this.sweep.summary;
    const done = this.#done();
    const total = this.#total();
    const seconds = (performance.now() - this.#began) / 1000;
    const doneHere = done - this.#doneBefore;
    const parts = [
      `${finished.length}/${seeds} seeds finished`,
      ...(failed.length > 0 ? [`${failed.length} failed`] : []),
      ...(this.#training.size > 0 ? [`training seed ${[...this.#training].join(", ")}`] : []),
      ...(doneHere > 0 ? [`${duration((seconds * (total - done)) / doneHere)} left`] : []),
    ];
    this.progress.update(done, total, parts.join("  "));
  }
}
