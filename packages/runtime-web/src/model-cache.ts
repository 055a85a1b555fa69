/**
 * What was downloaded, kept in the browser (Cache API): graphs by address and SHA-256, so that a changed model is downloaded
 * anew and an unchanged one never, and the manifest that says which of them are the model. A model replaces the one before
 * only when all of it is there: until then, and if anything goes wrong, the one before can be used as it was.
 */
import { graphNames, type Manifest, type ManifestFile, parseManifest } from "@air-onnx/core";

/** Name of the cache, for pages that want to delete or look into it. */
export const MODEL_CACHE = "air-onnx-models";

/** A graph of a model, as it is kept. */
export interface KeptGraph {
  readonly url: string;
  readonly file: ManifestFile;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Downloaded now, whatever was kept before. */
  readonly isNew: boolean;
}

export class ModelCache {
  readonly #cache: Cache;
  readonly #onNotice: (line: string) => void;

  private constructor(cache: Cache, onNotice: (line: string) => void) {
    this.#cache = cache;
    this.#onNotice = onNotice;
  }

  /** `undefined` where there is no cache: in an insecure context, or when the user forbids storage. */
  static async open(onNotice: (line: string) => void): Promise<ModelCache | undefined> {
    if (typeof caches === "undefined") return undefined;
    try {
      return new ModelCache(await caches.open(MODEL_CACHE), onNotice);
    } catch {
      return undefined;
    }
  }

  async graph(url: string, sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const response = await this.#cache.match(keyOf(url, sha256));
      return response && new Uint8Array(await response.arrayBuffer());
    } catch {
      return undefined;
    }
  }

  async manifest(url: string): Promise<string | undefined> {
    try {
      return await (await this.#cache.match(url))?.text();
    } catch {
      return undefined;
    }
  }

  /**
   * Keeps a model in the place of the one before, whose graphs are forgotten last.
   *
   * @param graphs all of it, each as `manifest` says
   */
  async keep(url: string, manifest: string, graphs: readonly KeptGraph[]): Promise<void> {
    try {
      // Two pages that keep two versions at a time would forget each other's graphs.
      await exclusively(() => this.#replace(url, manifest, graphs));
    } catch (error) {
      this.refuse(url, String(error));
    }
  }

  /** Says that the model at `url` is not kept. */
  refuse(url: string, reason: string): void {
    this.#onNotice(`${url} cannot be kept for the next visit: ${reason}`);
  }

  async #replace(url: string, manifest: string, graphs: readonly KeptGraph[]): Promise<void> {
    const keys = new Map(graphs.map((graph) => [keyOf(graph.url, graph.file.sha256), graph]));
    const before = await this.manifest(url);
    const added: string[] = [];
    try {
      for (const [key, { bytes, isNew }] of keys) {
        // Another page may have forgotten it since.
        if (!isNew && (await this.#cache.match(key))) continue;
        await this.#cache.put(key, new Response(bytes));
        added.push(key);
      }
      if (before !== manifest) await this.#cache.put(url, new Response(manifest));
    } catch (error) {
      // What has come so far only takes room, unless the model before has the same file.
      const kept = new Set(keysOf(url, before));
      for (const key of added) if (!kept.has(key)) await this.#cache.delete(key);
      throw error;
    }
    const olds = graphs.map((graph) => this.#cache.keys(graph.url, { ignoreSearch: true }));
    const old = [...keysOf(url, before), ...(await Promise.all(olds)).flat().map((request) => request.url)];
    for (const key of old) if (!keys.has(key)) await this.#cache.delete(key);
  }
}

/** Keys of the graphs of a model that was kept; none of a manifest that another version of this package wrote. */
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
