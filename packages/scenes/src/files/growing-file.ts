/** A file that is written piece by piece during a long job, under a temporary name, and takes its place when it is kept. */
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { FileError } from "../errors.js";
import { reasonInWords, syncFolder, temporaryPath } from "./atomic-file.js";
import { makeFolder } from "./write-picture.js";

/** An open file of this kind; one of {@link keep} and {@link discard} ends it. */
export class GrowingFile {
  /** The place that it will have. */
  readonly path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /**
   * Makes the file, and the folders above it.
   *
   * @throws {FileError} if it cannot be made
   */
  static async make(path: string): Promise<GrowingFile> {
    await makeFolder(dirname(path));
    const temporary = temporaryPath(path);
    const file = await open(temporary, "wx").catch((cause: unknown) => {
      throw new FileError(`Cannot write ${path}: ${reasonInWords(cause)}`, path, { cause });
    });
    return new GrowingFile(path, temporary, file);
  }

  /**
   * Appends text, as UTF-8.
   *
   * @throws {FileError} if it cannot be written
   */
  async add(text: string): Promise<void> {
    await this.#named(this.#file.appendFile(text));
  }

  /**
   * Puts the file in its place; a file that was there is replaced.
   *
   * @throws {FileError} if that is not possible; the old file is then untouched
   */
  async keep(): Promise<void> {
    try {
      await this.#named(this.#file.sync());
      await this.#file.close();
      await this.#named(rename(this.#temporary, this.path));
    } catch (cause) {
      await this.discard();
      throw cause;
    }
    await syncFolder(dirname(this.path));
  }

  /** Deletes what was written. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => {});
    await unlink(this.#temporary).catch(() => {});
  }

  async #named(work: Promise<unknown>): Promise<void> {
    await work.catch((cause: unknown) => {
      throw new FileError(`Cannot write ${this.path}: ${reasonInWords(cause)}`, this.path, { cause });
    });
  }
}
