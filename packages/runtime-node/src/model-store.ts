/**
 * Keeps downloaded models on disk. Each address has a folder, and each version of its manifest a model folder in that, which
 * other tools can use as any other:
 *
 *     models/huggingface.co-org-name-resolve-main-1f0c…/current          which version is the newest
 *                                                      /9a41…/config.json, onnx/…
 *
 * Each file is written under another name and renamed when it is complete, `config.json` last and `current` after it. So
 * processes that keep the same model at once do not disturb each other, and a killed one leaves nothing that looks like a model.
 */
import { createHash, randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import {
  graphNames,
  MANIFEST_FILE,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestFile,
  parseManifest,
} from "@air-onnx/core";
import { readBoundedFile } from "./bounded-file.js";
import { ModelNotKeptError } from "./errors.js";

/** The default of `cacheDir`: AIR_ONNX_CACHE, else `air-onnx` in XDG_CACHE_HOME, else `~/.cache/air-onnx`. */
export function defaultCacheDir(): string {
  const { AIR_ONNX_CACHE, XDG_CACHE_HOME } = process.env;
  return AIR_ONNX_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "air-onnx");
}

/** A version of a model that is kept. */
export interface KeptVersion {
  /** The model folder. */
  readonly folder: string;
  readonly manifest: Manifest;
}

const CURRENT_FILE = "current";
/** Files with this ending are being written. */
const PARTIAL = ".partial";
/** A partial file that is as old was left behind by a process that was killed: downloads end when no byte comes for a while. */
const PARTIAL_LIFETIME_MS = 24 * 60 * 60 * 1000;
const VERSION = /^[0-9a-f]{32}$/;

/** The downloaded models of one cache folder. */
export class ModelStore {
  /** The folder that holds them all. */
  readonly folder: string;

  constructor(cacheDir: string = defaultCacheDir()) {
    this.folder = join(cacheDir, "models");
  }

  /** The newest complete version of the model at a URL, with all of the named files; undefined if there is none. */
  async current(url: string, isWanted: (name: string) => boolean): Promise<KeptVersion | undefined> {
    const home = this.#homeOf(url);
    try {
      const version = (await readKept(home, CURRENT_FILE)).toString("utf8").trim();
      if (!VERSION.test(version)) return undefined;
      const folder = join(home, version);
      const manifest = parseManifest(await readKept(folder, MANIFEST_FILE), join(folder, MANIFEST_FILE));
      for (const [, { path, size }] of wantedFiles(manifest, isWanted)) {
        if ((await stat(join(folder, path))).size !== size) return undefined;
      }
      return { folder, manifest };
    } catch {
      // Whatever cannot be read is not kept, and is downloaded again.
      return undefined;
    }
  }

  /** Folder for the version of the model at `url` that has this manifest. */
  versionFolder(url: string, manifest: Uint8Array): string {
    return join(this.#homeOf(url), createHash("sha256").update(manifest).digest("hex").slice(0, 32));
  }

  /** Tells whether a version's folder has a file, with the right bytes. */
  async has(folder: string, file: ManifestFile): Promise<boolean> {
    try {
      const path = join(folder, file.path);
      const status = await stat(path);
      return status.isFile() && status.size === file.size && sha256(await readFile(path)) === file.sha256;
    } catch {
      return false;
    }
  }

  /**
   * Takes over a file that another version has, too.
   *
   * @returns whether it has
   */
  async takeOver(from: KeptVersion, folder: string, file: ManifestFile): Promise<boolean> {
    for (const same of Object.values(from.manifest.files)) {
      if (same?.sha256 !== file.sha256 || !(await this.has(from.folder, same))) continue;
      await this.#put(join(folder, file.path), (path) => copyFile(join(from.folder, same.path), path));
      return await this.has(folder, file);
    }
    return false;
  }

  /** @throws {ModelNotKeptError} if it cannot be written */
  async write(folder: string, path: string, bytes: Uint8Array): Promise<void> {
    await this.#put(join(folder, path), (partial) => writeFile(partial, bytes));
  }

  /**
   * Makes a version whose graphs are all there the current one.
   *
   * @throws {ModelNotKeptError} if it cannot be written
   */
  async complete(folder: string, manifest: Uint8Array): Promise<void> {
    await this.write(folder, MANIFEST_FILE, manifest);
    await this.write(dirname(folder), CURRENT_FILE, Buffer.from(`${basename(folder)}\n`));
    await this.#removeLeftovers(dirname(folder));
  }

  /**
   * Deletes what is kept of the model at a URL, or everything.
   *
   * @returns whether there was anything
   */
  async clear(url?: string): Promise<boolean> {
    const folder = url === undefined ? this.folder : this.#homeOf(url);
    const isThere = await stat(folder).then(
      () => true,
      () => false,
    );
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (cause) {
      throw notKept(folder, cause);
    }
    return isThere;
  }

  /** Folder of a URL: readable, and with a hash, because readable names of two URLs may be equal. */
  #homeOf(url: string): string {
    const readable = url
      .replace(/^https?:\/\//, "")
      .replaceAll(/[^A-Za-z0-9.]+/g, "-")
      .replaceAll(/^[.-]+|-+$/g, "")
      .slice(0, 80);
    return join(this.folder, `${readable}-${sha256(url).slice(0, 16)}`);
  }

  async #put(path: string, write: (partial: string) => Promise<void>): Promise<void> {
    const partial = `${path}.${process.pid}-${randomUUID()}${PARTIAL}`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await write(partial);
      await rename(partial, path);
    } catch (cause) {
      await rm(partial, { force: true }).catch(() => {});
      throw notKept(path, cause);
    }
  }

  async #removeLeftovers(home: string): Promise<void> {
    try {
      for (const name of await readdir(home, { recursive: true })) {
        if (!name.endsWith(PARTIAL)) continue;
        const path = join(home, name);
        if (Date.now() - (await stat(path)).mtimeMs > PARTIAL_LIFETIME_MS) await rm(path, { force: true });
      }
    } catch {
      // Another process removes them, too.
    }
  }
}

/** The wanted files of a manifest, by name: `encoder`, `step`, `decoder`, `scene`. */
export function wantedFiles(manifest: Manifest, isWanted: (name: string) => boolean): [string, ManifestFile][] {
  return Object.entries(manifest.files).filter(
    (entry): entry is [string, ManifestFile] => entry[1] !== undefined && isWanted(entry[0]),
  );
}

/** Tells whether the runtime needs a file of a model: any graph but the scene file. */
export function isGraph(name: string): boolean {
  return (graphNames as readonly string[]).includes(name);
}

/** Reads a small file, which is one of ours unless somebody else has put something else there. */
function readKept(folder: string, name: string): Promise<Buffer> {
  const sizeFault = (size: number): string | undefined => (size > MAX_MANIFEST_BYTES ? "is too large" : undefined);
  return readBoundedFile(folder, name, { sizeFault, advice: "it is downloaded again", signal: undefined });
}

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function notKept(path: string, cause: unknown): ModelNotKeptError {
  const { code } = cause as NodeJS.ErrnoException;
  return new ModelNotKeptError(
    `${path} cannot be written or deleted (${code ?? String(cause)}): name another cache folder (cacheDir, or AIR_ONNX_CACHE)`,
    { folder: dirname(path), cause },
  );
}
