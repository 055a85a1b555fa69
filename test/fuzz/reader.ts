/** What the fuzz tests know of a reader of files from outside. */
import type { Mutation } from "./mutations.js";

export interface Reader {
  readonly name: string;
  /** Sound files. */
  readonly corpus: readonly Buffer[];
  /** Ways to damage a file: its bytes, or parts inside, whose checksums and lengths are then corrected. */
  readonly damages: readonly ((file: Buffer, mutations: readonly Mutation[]) => Buffer | Promise<Buffer>)[];
  /** The errors that it may throw for bad files. */
  readonly typedErrors: readonly (abstract new (
    ...given: never[]
  ) => Error)[];
  /** What a message must contain so that a user knows which file is meant. */
  readonly named: string;
  /** How many times as long as others it takes for a file: it gets as many times fewer. Default 1. */
  readonly cost?: number;
  /** Reads the file; throws a failed expectation if it accepts what it should not have. `sound` is what was damaged. */
  read(file: Buffer, sound: Buffer): unknown;
}

/** The name of the file in all messages. */
export const SOURCE = "fuzzed.file";
