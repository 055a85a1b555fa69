/** A local HTTP server whose every path behaves as a test says, and that remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export interface FileServer {
  /** Ends with a slash. */
  readonly url: string;
  /** `PATH` or `PATH RANGE` of each request so far. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** Paths without a behaviour are not found. */
export async function serveFiles(behaviours: Readonly<Record<string, Behaviour>>): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push([path, request.headers.range].filter(Boolean).join(" "));
    const behaviour = behaviours[path];
    if (behaviour) behaviour(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Serves all of it, or the range asked for. */
export function whole(bytes: Uint8Array): Behaviour {
  return (request, response) => {
    const start = rangeStart(request);
    if (start === undefined) response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    else if (start >= bytes.length) response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    else sendFrom(response, bytes, start).end(bytes.subarray(start));
  };
}

/** Serves all of it whatever range is asked for. */
export function withoutRanges(bytes: Uint8Array): Behaviour {
  return (_, response) => response.writeHead(200, { "content-length": bytes.length }).end(bytes);
}

/** Cuts the connection after `length` bytes of each response; understands ranges. */
export function cutting(bytes: Uint8Array, length: number): Behaviour {
  return (request, response) => {
    const start = rangeStart(request) ?? 0;
    if (start === 0) response.writeHead(200, { "content-length": bytes.length });
    else sendFrom(response, bytes, start);
    const part = bytes.subarray(start, start + length);
    if (start + part.length === bytes.length) response.end(part);
    // Time for the part to arrive: a reset discards what is still on its way.
    else response.write(part, () => setTimeout(() => response.destroy(), 50));
  };
}

/** Sends `length` bytes and then nothing more, without ending. */
export function stalling(bytes: Uint8Array, length: number): Behaviour {
  return (_, response) => {
    response.writeHead(200, { "content-length": bytes.length }).write(bytes.subarray(0, length));
  };
}

export function failing(status: number): Behaviour {
  return (_, response) => response.writeHead(status).end("<html>sorry</html>");
}

function rangeStart(request: IncomingMessage): number | undefined {
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  return match ? Number(match[1]) : undefined;
}

function sendFrom(response: ServerResponse, bytes: Uint8Array, start: number): ServerResponse {
  return response.writeHead(206, {
    "content-length": bytes.length - start,
    "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
  });
}
