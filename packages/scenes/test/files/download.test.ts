import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataError } from "../../src/errors.js";
import { download, type MirrorDownload } from "../../src/files/download.js";
import type { DataProgress } from "../../src/reporting.js";
import {
  type Behaviour,
  cutting,
  type FileServer,
  failing,
  serveFiles,
  stalling,
  whole,
  withoutRanges,
} from "./file-server.js";

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) % 251);
const DAMAGED = CONTENT.with(5, 0);

let folder: string;
let servers: FileServer[];
let notices: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "air-download-"));
  servers = [];
  notices = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

async function serve(behaviour: Behaviour): Promise<FileServer> {
  const server = await serveFiles({ "/file": behaviour });
  servers.push(server);
  return server;
}

function get(from: readonly FileServer[], options: Partial<MirrorDownload<Uint8Array>> = {}): Promise<Uint8Array> {
  return download({
    urls: from.map(({ url }) => `${url}file`),
    path: join(folder, "file"),
    accept: async (bytes) => {
      if (Buffer.compare(bytes, CONTENT) !== 0) throw new DataError(`${bytes.length} wrong bytes`);
      return bytes;
    },
    onNotice: (line) => notices.push(line),
    ...options,
  });
}

/** The file is there, whole, and nothing beside it. */
async function expectFile(): Promise<void> {
  expect(Buffer.compare(await readFile(join(folder, "file")), CONTENT)).toBe(0);
  expect(await readdir(folder)).toEqual(["file"]);
}

describe("a download", () => {
  it("gives the bytes, names the file, and reports every part of it", async () => {
    const seen: DataProgress[] = [];
    const bytes = await get([await serve(whole(CONTENT))], { onProgress: (progress) => seen.push(progress) });
    expect(bytes).toHaveLength(CONTENT.length);
    await expectFile();
    expect(notices).toEqual([]);
    expect(seen.at(-1)).toEqual({ phase: "download", file: "file", receivedBytes: 100_000, totalBytes: 100_000 });
  });

  it("requests the missing range after each cut", async () => {
    const server = await serve(cutting(CONTENT, 40_000));
    await get([server]);
    await expectFile();
    expect(server.requests).toEqual(["/file", "/file bytes=40000-", "/file bytes=80000-"]);
    expect(notices).toHaveLength(2);
    expect(notices[0]).toMatch(/^http:.*\/file was cut off \(.*\); going on after 40000 bytes$/);
  });

  it("gives a mirror up after too many cuts, and goes on at the next", async () => {
    const slow = await serve(cutting(CONTENT, 1000));
    const good = await serve(whole(CONTENT));
    await get([slow, good]);
    await expectFile();
    expect(slow.requests).toHaveLength(5);
    expect(good.requests).toEqual(["/file bytes=5000-"]);
  });

  it("goes on where an earlier process ended, with the total of the whole file", async () => {
    await writeFile(join(folder, "file.part"), CONTENT.subarray(0, 60_000));
    const seen: DataProgress[] = [];
    const server = await serve(whole(CONTENT));
    await get([server], { onProgress: (progress) => seen.push(progress) });
    await expectFile();
    expect(server.requests).toEqual(["/file bytes=60000-"]);
    expect(seen.at(-1)).toMatchObject({ receivedBytes: 100_000, totalBytes: 100_000 });
  });

  it("goes on where a killed process ended", async () => {
    const host = hostname().replace(/[^0-9A-Za-z-]/g, "-");
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await writeFile(join(folder, `.file.part.${host}~${pid}~0123456789ab.tmp`), CONTENT.subarray(0, 70_000));
    const server = await serve(whole(CONTENT));
    await get([server]);
    await expectFile();
    expect(server.requests).toEqual(["/file bytes=70000-"]);
  });

  it("starts over when the server ignores ranges", async () => {
    await writeFile(join(folder, "file.part"), CONTENT.subarray(0, 60_000));
    const server = await serve(withoutRanges(CONTENT));
    await get([server]);
    await expectFile();
    expect(server.requests).toEqual(["/file bytes=60000-"]);
    expect(notices).toEqual([`${server.url}file cannot continue a transfer; starting over`]);
  });

  it("starts over when the server answers with another range", async () => {
    await writeFile(join(folder, "file.part"), CONTENT.subarray(0, 60_000));
    const server = await serve((request, response) => {
      if (request.headers.range) {
        response
          .writeHead(206, { "content-range": "bytes 0-99999/100000", "content-length": CONTENT.length })
          .end(CONTENT);
      } else {
        whole(CONTENT)(request, response);
      }
    });
    await get([server]);
    await expectFile();
    expect(server.requests).toEqual(["/file bytes=60000-", "/file"]);
  });

  it("starts over when the partial file is longer than the server's file", async () => {
    await writeFile(join(folder, "file.part"), new Uint8Array(200_000));
    const server = await serve(whole(CONTENT));
    await get([server]);
    await expectFile();
    expect(server.requests).toEqual(["/file bytes=200000-", "/file"]);
  });

  it("starts over when the partial file is the beginning of another file", async () => {
    await writeFile(join(folder, "file.part"), DAMAGED.subarray(0, 60_000));
    const server = await serve(whole(CONTENT));
    await get([server]);
    await expectFile();
    expect(server.requests).toEqual(["/file bytes=60000-", "/file"]);
    expect(notices).toEqual([`${server.url}file does not continue what an earlier attempt left; starting over`]);
  });

  it.each<[string, Behaviour, RegExp]>([
    ["does not have it", failing(404), /HTTP 404 Not Found/],
    ["fails", failing(503), /HTTP 503 Service Unavailable/],
    ["sends other bytes", whole(DAMAGED), /100000 wrong bytes/],
    ["hangs up", (request) => request.destroy(), /fetch failed: /],
  ])("goes to the next mirror when one %s, and says so", async (_, behaviour, reason) => {
    const bad = await serve(behaviour);
    const good = await serve(whole(CONTENT));
    await get([bad, good]);
    await expectFile();
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(reason);
    expect(notices[0]).toMatch(/; trying the next mirror$/);
    expect(good.requests).toEqual(["/file"]);
  });

  it("goes on at the next mirror when one falls silent, and keeps what that one sent", async () => {
    const silent = await serve(stalling(CONTENT, 30_000));
    const good = await serve(whole(CONTENT));
    await get([silent, good], { stallTimeout: 100 });
    await expectFile();
    expect(notices.join("\n")).toMatch(/it sent nothing for 0\.1 s/);
    expect(good.requests).toHaveLength(1);
  });

  it("fails with the reason of each mirror if none gives the file", async () => {
    const missing = await serve(failing(404));
    const damaged = await serve(whole(DAMAGED));
    const error = await get([missing, damaged]).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toBe(
      `file could not be downloaded from any mirror:\n  ${missing.url}file: HTTP 404 Not Found\n  ${damaged.url}file: 100000 wrong bytes`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("stops when aborted, and keeps the received bytes for the next time", async () => {
    const abort = new AbortController();
    const silent = await serve(stalling(CONTENT, 30_000));
    const never = await serve(whole(CONTENT));
    const onProgress = (progress: DataProgress) => {
      if (progress.phase === "download" && progress.receivedBytes === 30_000) abort.abort(new Error("enough"));
    };
    await expect(get([silent, never], { signal: abort.signal, onProgress })).rejects.toThrow("enough");
    expect(never.requests).toEqual([]);
    expect(await readdir(folder)).toEqual(["file.part"]);

    await get([never]);
    await expectFile();
    expect(never.requests).toEqual(["/file bytes=30000-"]);
  });

  it("does not disturb another download of the same file", async () => {
    const server = await serve(cutting(CONTENT, 60_000));
    await Promise.all([get([server]), get([server]), get([server])]);
    await expectFile();
  });

  it("blames the disk, not the mirrors, when nothing can be written", async () => {
    const server = await serve(whole(CONTENT));
    await expect(get([server, server], { path: join(folder, "missing", "file") })).rejects.toThrow(
      /^Cannot write .*missing.*does not exist \(ENOENT\)$/,
    );
    expect(notices).toEqual([]);
  });
});
