/** examples/server as its README says: answers, limits, crowding, clients that go away, and its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "vitest";
import { linux } from "./requirements/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const MINUTES = 3 * 60_000;

interface Server {
  readonly process: ChildProcess;
  readonly origin: string;
}

const started: ChildProcess[] = [];
/** Model processes that a test has stopped: they would not notice that their server has ended. */
const stopped: number[] = [];
afterEach(() => {
  for (const each of started.splice(0)) each.kill("SIGKILL");
  for (const pid of stopped.splice(0)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
});

async function startServer(settings: Readonly<Record<string, string>> = {}): Promise<Server> {
  const server = spawn(process.execPath, ["examples/server/server.mjs"], {
    cwd: root,
    env: { ...process.env, PORT: "0", PROCESSES: "1", TIME_LIMIT: "600000", STOP_LIMIT: "600000", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(server);
  const [line] = (await once(server.stdout!, "data")) as [Buffer];
  const [, origin] = /^multi-mnist on (http:\S+)\n$/.exec(line.toString())!;
  return { process: server, origin: origin! };
}

/** Stops the process in which the server has its model; SIGCONT lets it go on. */
function stopModelProcess(server: Server): number {
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const isChild = readFileSync(`/proc/${pid}/status`, "utf8").includes(`\nPPid:\t${server.process.pid}\n`);
      return isChild && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pool-program");
    } catch {
      return false; // It has ended meanwhile.
    }
  });
  expect(found).toHaveLength(1);
  const pid = Number(found[0]);
  process.kill(pid, "SIGSTOP");
  stopped.push(pid);
  return pid;
}

const raw = (images: number) => ({
  method: "POST",
  headers: { "Content-Type": "application/octet-stream" },
  body: new Uint8Array(images * 2500),
});
const post = (server: Server, init: RequestInit = raw(1)) => fetch(`${server.origin}/scenes`, init);
const health = async (server: Server) => (await fetch(`${server.origin}/health`)).json();

it("answers as its README says", { timeout: MINUTES }, async () => {
  const server = await startServer();
  const readme = await readFile(`${root}/examples/server/README.md`, "utf8");
  const [scene, status] = [...readme.matchAll(/```json\n(.*)\n```/g)].map(([, json]) => JSON.parse(json!));
  expect(await health(server)).toEqual(status);
  const png = await readFile(`${root}/examples/two-digits.png`);
  const found = await post(server, { method: "POST", headers: { "Content-Type": "image/png" }, body: png });
  expect([found.status, found.headers.get("content-type")]).toEqual([200, "application/json"]);
  const answer = await found.json();
  expect(answer).toMatchObject({ count: scene.count, typical: scene.typical });
  expect(answer.objects.map(({ box }: { box: object }) => box)).toEqual(
    scene.objects.map(({ box }: { box: object }) => box),
  );
  expect(await (await post(server, raw(3))).json()).toEqual(Array(3).fill(expect.objectContaining({ count: 0 })));
});

it("refuses what it cannot take, and goes on", { timeout: MINUTES }, async () => {
  const server = await startServer({ BODY_LIMIT: "5000" });
  const typed = (type: string, body: BodyInit) =>
    post(server, { method: "POST", headers: { "Content-Type": type }, body });
  const answers: [Promise<Response>, number, RegExp][] = [
    [typed("image/png", "no image"), 400, /cannot be read/],
    [typed("application/octet-stream", "short"), 400, /50x50x1 = 2500 bytes, and has 5/],
    [typed("text/plain", "x"), 415, /image\/png/],
    [post(server, raw(3)), 413, /5000 bytes/],
    [fetch(`${server.origin}/scenes`), 405, /takes POST/],
    [fetch(`${server.origin}/toString`), 404, /health/],
  ];
  for (const [answer, status, error] of answers) {
    const response = await answer;
    expect(response.status).toBe(status);
    expect((await response.json()).error).toMatch(error);
  }
  // Without a length, the body is refused when it has become too long.
  const chunks = new ReadableStream({
    start: (controller) => {
      for (let i = 0; i < 3; i++) controller.enqueue(new Uint8Array(2500));
      controller.close();
    },
  });
  const unannounced = { ...raw(0), body: chunks, duplex: "half" } as RequestInit;
  expect((await post(server, unannounced)).status).toBe(413);
  expect((await post(server)).status).toBe(200);
});

linux.it("refuses at once when it is full, and forgets clients that go away", { timeout: MINUTES }, async () => {
  const server = await startServer({ MAX_QUEUE: "1" });
  const model = stopModelProcess(server);
  const sent: ClientRequest[] = [];
  for (const [running, queued] of [
    [1, 0],
    [1, 1],
  ]) {
    const { method, headers, body } = raw(1);
    const each = request(`${server.origin}/scenes`, { method, headers });
    each.on("error", () => undefined); // It is destroyed below.
    each.end(body);
    sent.push(each);
    await expect.poll(() => health(server), { timeout: MINUTES }).toMatchObject({ running, queued });
  }
  const full = await post(server);
  expect([full.status, full.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await full.json()).toEqual({ error: "busy: try again later" });
  for (const each of sent) each.destroy();
  await expect.poll(() => health(server), { timeout: MINUTES }).toMatchObject({ queued: 0 });
  process.kill(model, "SIGCONT");
  expect((await post(server)).status).toBe(200);
});

linux.it("ends a request at its deadline, although its process hangs", { timeout: MINUTES }, async () => {
  const server = await startServer({ TIME_LIMIT: "3000" });
  stopModelProcess(server);
  expect((await post(server)).status).toBe(504);
  expect(await health(server)).toMatchObject({ status: "ok" });
});

linux.it("answers open requests at SIGTERM, and ends with 0", { timeout: MINUTES }, async () => {
  const server = await startServer();
  const model = stopModelProcess(server);
  const open = post(server, raw(2));
  await expect.poll(() => health(server), { timeout: MINUTES }).toMatchObject({ running: 1 });
  const end = once(server.process, "exit");
  server.process.kill("SIGTERM");
  await expect
    .poll(() =>
      fetch(`${server.origin}/health`).then(
        ({ status }) => status,
        () => "closed",
      ),
    )
    .toBe("closed");
  process.kill(model, "SIGCONT");
  const answer = await open;
  expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  expect(await answer.json()).toHaveLength(2);
  expect(await end).toEqual([0, null]);
});
