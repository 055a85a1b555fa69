/** An in-memory Cache with the methods that keeping models needs; a test can limit its room. */
export class MemoryCache {
  readonly entries = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Number of further files that fit. */
  room = Number.POSITIVE_INFINITY;

  async match(request: string | { readonly url: string }): Promise<Response | undefined> {
    const bytes = this.entries.get(typeof request === "string" ? request : request.url);
    return bytes && new Response(bytes);
  }

  async put(url: string, response: Response): Promise<void> {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (this.room-- <= 0) throw new DOMException("full", "QuotaExceededError");
    this.entries.set(url, bytes);
  }

  async delete(request: string | { readonly url: string }): Promise<boolean> {
    return this.entries.delete(typeof request === "string" ? request : request.url);
  }

  async keys(url?: string): Promise<{ readonly url: string }[]> {
    const keys = [...this.entries.keys()];
    return keys.filter((key) => url === undefined || key.split("?")[0] === url).map((each) => ({ url: each }));
  }
}
