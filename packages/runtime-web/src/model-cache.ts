/**
 * What was downloaded, kept in the browser (Cache API) by address and SHA-256, so that a changed model is downloaded
 * anew and an unchanged one never. Whatever goes wrong here costs a download, not the model.
 */

/** Name of the cache, for pages that want to delete or look into it. */
export const MODEL_CACHE = "air-onnx-models";

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

  /** Keeps a graph in the place of older versions of it. */
  async keepGraph(url: string, sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#keep(url, async () => {
      for (const old of await this.#cache.keys(url, { ignoreSearch: true })) await this.#cache.delete(old);
      await this.#cache.put(keyOf(url, sha256), new Response(bytes));
    });
  }

  async manifest(url: string): Promise<string | undefined> {
    try {
      return await (await this.#cache.match(url))?.text();
    } catch {
      return undefined;
    }
  }

  async keepManifest(url: string, text: string): Promise<void> {
    await this.#keep(url, () => this.#cache.put(url, new Response(text)));
  }

  async #keep(url: string, put: () => Promise<void>): Promise<void> {
    try {
      await put();
    } catch (error) {
      this.#onNotice(`${url} cannot be kept for the next visit: ${String(error)}`);
    }
  }
}

function keyOf(url: string, sha256: string): string {
  const key = new URL(url);
  key.searchParams.set("sha256", sha256);
  return key.href;
}
