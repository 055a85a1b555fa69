import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EventFile } from "../../src/run/tensorboard.js";
import { crc32c, tfRecord } from "../../src/run/tfrecord.js";
import { bitwiseCrc32c, readEvents } from "./event-reader.js";
import { useTemporaryFolder } from "./temporary-folder.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("TFRecord", () => {
  it("has the checksums of RFC 3720, B.4", () => {
    expect(crc32c(bytes("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    const noise = Uint8Array.from({ length: 300 }, (_, i) => (i * 167) & 0xff);
    expect(crc32c(noise)).toBe(bitwiseCrc32c(noise));
  });

  it("frames data by length and masked checksums", () => {
    const record = tfRecord(bytes("ab"));
    expect(record).toHaveLength(18);
    expect([...record.subarray(0, 8)]).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
    expect([...record.subarray(12, 14)]).toEqual([97, 98]);
  });
});

describe("EventFile", () => {
  const at = useTemporaryFolder();

  const read = async (folder: string) =>
    Promise.all((await readdir(folder)).sort().map(async (name) => readEvents(await readFile(join(folder, name)))));

  it("holds scalars by kind, and pictures", async () => {
    const folder = at("run", "tensorboard");
    const file = await EventFile.begin(folder, 0);
    file.record({ step: 20, kind: "train", elbo: -12.5, learningRate: 0 });
    file.record({ step: 20, kind: "evaluation", elbo: 3 });
    const png = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
    file.picture(20, "evaluation/reconstructions", { png, width: 640, height: 480 });
    const [events] = await read(folder);
    const now = Date.now() / 1000;
    for (const { wallTime } of events!) expect(Math.abs(wallTime - now)).toBeLessThan(60);
    expect(events!.map(({ wallTime, ...event }) => event)).toEqual([
      { fileVersion: "brain.Event:2", step: 0, scalars: {}, images: {} },
      { sessionStatus: 1, step: 1, scalars: {}, images: {} },
      { step: 20, scalars: { "train/elbo": -12.5, "train/learningRate": 0 }, images: {} },
      { step: 20, scalars: { "evaluation/elbo": 3 }, images: {} },
      { step: 20, scalars: {}, images: { "evaluation/reconstructions": { width: 640, height: 480, png } } },
    ]);
  });

  it("begins a later file for a run that goes on, which says what it takes the place of", async () => {
    const folder = at("resumed");
    await mkdir(folder);
    const future = "events.out.tfevents.4000000000.elsewhere.1";
    await writeFile(join(folder, future), "");
    await EventFile.begin(folder, 300);
    await EventFile.begin(folder, 300);
    const names = (await readdir(folder)).sort();
    expect(names).toHaveLength(3);
    expect(names[0]).toBe(future);
    const [, second, third] = await read(folder);
    for (const events of [second, third]) expect(events![1]).toMatchObject({ step: 301, sessionStatus: 1 });
  });

  it("names the folder that it cannot write into", async () => {
    const file = at("file");
    await writeFile(file, "");
    await expect(EventFile.begin(join(file, "tensorboard"), 0)).rejects.toThrow(/Cannot write event files into .*file/);
  });
});
