/** Tells which parts of our code, and of the parsers that it calls, have run: V8 counts every block. */
import { Session } from "node:inspector";

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
  }[];
}

/** Our sources, or all of them in the bundle of run.mjs, and the parsers. */
const WATCHED = /\/packages\/[\w-]+\/src\/|\/long\.bundle\.|\/node_modules\/(pngjs|csv-parse|zod)\//;

export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** The blocks that ran since the last call, and never before it. */
  newBlocks(): Set<string> {
    const blocks = this.#ran();
    for (const block of blocks) {
      if (this.#seen.has(block)) blocks.delete(block);
      else this.#seen.add(block);
    }
    return blocks;
  }

  /** Whether one of `blocks` ran since the last call; those that did are taken out of `blocks`. */
  takeFrom(blocks: Set<string>): boolean {
    const before = blocks.size;
    for (const block of this.#ran()) blocks.delete(block);
    return blocks.size < before;
  }

  #ran(): Set<string> {
    const { result } = this.#post("Profiler.takePreciseCoverage") as { readonly result: readonly ScriptCoverage[] };
    const blocks = new Set<string>();
    for (const { url, functions } of result) {
      if (!WATCHED.test(url)) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) blocks.add(`${url}:${startOffset}-${endOffset}`);
        }
      }
    }
    return blocks;
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    // The profiler answers before `post` returns.
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }

  close(): void {
    this.#session.disconnect();
  }
}
