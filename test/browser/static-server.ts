/** A server of files on 127.0.0.1 that records requests, and can be made to answer wrongly. */
import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

export type Answer = (response: ServerResponse) => void;

export class StaticServer {
  /** Requested paths, in order. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #folders: Readonly<Record<string, string>>;
  readonly #answers = new Map<string, Answer>();
  readonly #headers: Readonly<Record<string, string>>;

  private constructor(folders: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>) {
    this.#folders = folders;
    this.#headers = headers;
    this.#server = createServer((request, response) => {
      void this.#answer(new URL(request.url!, "http://localhost").pathname, response);
    });
  }

  /**
   * @param folders folder that is served under each path, `{ "/models/": "/home/me/models" }`; the longest path wins
   * @param headers added to every answer
   */
  static async start(
    folders: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<StaticServer> {
    const server = new StaticServer(folders, headers);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sets the answer for one path from now on. */
  answer(path: string, answer: Answer): void {
    this.#answers.set(path, answer);
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(path: string, response: ServerResponse): Promise<void> {
    this.requests.push(path);
    const own = this.#answers.get(path);
    if (own) return own(response);
    const [prefix, folder] =
      Object.entries(this.#folders)
        .toSorted(([a], [b]) => b.length - a.length)
        .find(([each]) => path.startsWith(each)) ?? [];
    const within = normalize(path.slice(prefix?.length ?? 0) || "index.html");
    const body = folder === undefined || within.startsWith("..") ? undefined : await read(join(folder, within));
    if (!body) {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
      return;
    }
    const type = types[extname(within)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-length": body.length, ...this.#headers }).end(body);
  }
}

async function read(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
}
