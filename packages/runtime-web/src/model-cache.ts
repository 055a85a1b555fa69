/**
 * Keeps downloaded models in the browser (Cache API). Graphs are kept by URL and SHA-256, so that a changed graph is
 * downloaded again and an unchanged one is not. The manifest, kept by URL, says which graphs form the model. A new version
 * replaces the one before only when all of its files are there; until then, and if anything fails, the version before stays
 * usable.
 */
import { graphNames, type Manifest, type ManifestFile, parseManifest } from "@air-onnx/core";

/** Name of the cache, for pages that want to inspect or delete it. */
export const MODEL_CACHE = "air-onnx-models";

/** A graph that is kept in the cache, or is to be kept. */
export interface KeptGraph {
  readonly url: string;
  readonly file: ManifestFile;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it was downloaded just now rather than read from the cache. */
  readonly isNew: boolean;
}

/** Models that are kept in the browser. */
export class ModelCache {
  readonly #cache: Cache;
  readonly #onNotice: (line: string) => void;

  private constructor(cache: Cache, onNotice: (line: string) => void) {
    this.#cache = cache;
    this.#onNotice = onNotice;
  }

  /** Opens the cache; `undefined` where there is none: in an insecure context, or when the user forbids storage. */
  static async open(onNotice: (line: string) => void): Promise<ModelCache | undefined> {
    if (typeof caches === "undefined") return undefined;
    try {
      return new ModelCache(await caches.open(MODEL_CACHE), onNotice);
    } catch {
      return undefined;
    }
  }

  /** Bytes of a kept graph; `undefined` if it is not there. */
  async graph(url: string, sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const response = await this.#cache.match(keyOf(url, sha256));
      return response && new Uint8Array(await response.arrayBuffer());
    } catch {
      return undefined;
    }
  }

  /** Text of a kept manifest; `undefined` if it is not there. */
  async manifest(url: string): Promise<string | undefined> {
    try {
      return await (await this.#cache.match(url))?.text();
    } catch {
      return undefined;
    }
  }

  /**
   * Keeps a model in place of the version before, whose graphs are deleted last. A failure is reported as a notice.
   *
   * @param graphs all graphs of the model, verified against `manifest`
   */
  async keep(url: string, manifest: string, graphs: readonly KeptGraph[]): Promise<void> {
    try {
      // Without the lock, two pages that keep two versions at once would delete each other's graphs.
      await exclusively(() => this.#replace(url, manifest, graphs));
    } catch (error) {
      this.refuse(url, String(error));
    }
  }

  /** Tells whether the model whose manifest is at `url` is kept with all of its graphs. */
  async hasModel(url: string): Promise<boolean> {
    const keys = keysOf(url, await this.manifest(url));
    const found = await Promise.all(keys.map((key) => this.#cache.match(key)));
    return found.length > 0 && found.every((response) => response !== undefined);
  }

  /**
   * Deletes the model whose manifest is at `url`, the manifest first.
   *
   * @returns whether there was one
   */
  async deleteModel(url: string): Promise<boolean> {
    let wasThere = false;
    await exclusively(async () => {
      const keys = keysOf(url, await this.manifest(url));
      wasThere = await this.#cache.delete(url);
      for (const key of keys) await this.#cache.delete(key);
    });
    return wasThere;
  }

  /**
   * Deletes all models.
   *
   * @returns whether there were any
   */
  async clear(): Promise<boolean> {
    const keys = await this.#cache.keys();
    for (const key of keys) await this.#cache.delete(key);
    return keys.length > 0;
  }

  /** Reports that the model at `url` is not kept. */
  refuse(url: string, reason: string): void {
    this.#onNotice(`${url} cannot be kept for the next visit: ${reason}`);
  }

  async #replace(url: string, manifest: string, graphs: readonly KeptGraph[]): Promise<void> {
    const keys = new Map(graphs.map((graph) => [keyOf(graph.url, graph.file.sha256), graph]));
    const before = await this.manifest(url);
    const added: string[] = [];
    try {
      for (const [key, { bytes, isNew }] of keys) {
        // Another page may have deleted a kept graph in the meantime.
        if (!isNew && (await this.#cache.match(key))) continue;
        await this.#cache.put(key, new Response(bytes));
        added.push(key);
      }
      if (before !== manifest) await this.#cache.put(url, new Response(manifest));
    } catch (error) {
      // Delete what was added so far, except files that the version before also uses.
      const kept = new Set(keysOf(url, before));
      for (const key of added) if (!kept.has(key)) await this.#cache.delete(key);
      throw error;
    }
    const olds = graphs.map((graph) => this.#cache.keys(graph.url, { ignoreSearch: true }));
    const old = [...keysOf(url, before), ...(await Promise.all(olds)).flat().map((request) => request.url)];
    for (const key of old) if (!keys.has(key)) await this.#cache.delete(key);
  }
}

/** Keys of the graphs of a kept manifest; none if this version of the package cannot read the manifest. */
function keysOf(url: string, manifest: string | undefined): string[] {
  if (manifest === undefined) return [];
  let files: Manifest["files"];
  try {
    ({ files } = parseManifest(manifest, url));
  } catch {
    return [];
  }
  return graphNames.map((name) => keyOf(new URL(files[name].path, url).href, files[name].sha256));
}

function keyOf(url: string, sha256: string): string {
  const key = new URL(url);
  key.searchParams.set("sha256", sha256);
  return key.href;
}

async function exclusively(work: () => Promise<void>): Promise<void> {
  if (globalThis.navigator?.locks) await navigator.locks.request(MODEL_CACHE, work);
  else await work();
}
