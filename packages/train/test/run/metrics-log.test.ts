import { appendFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { FileError } from "@air-onnx/scenes";
import { linux } from "@air-onnx/test/requirements";
import { describe, expect, it } from "vitest";
import {
  MetricsLog,
  type MetricsRecord,
  missingReports,
  nextReport,
  readAlerts,
  readMetrics,
} from "../../src/run/metrics-log.js";
import { useTemporaryFolder } from "./temporary-folder.js";

const inFolder = useTemporaryFolder();
const silent = (message: string): void => {
  throw new Error(`Unexpected notice: ${message}`);
};
const records: MetricsRecord[] = [
  { step: 20, kind: "train", loss: 120.5, gradientNorm: 3 },
  { step: 40, kind: "train", loss: -1e-9 },
  { step: 40, kind: "evaluation", elbo: 600, countAccuracyMap: 0.98 },
  { step: 60, kind: "train", loss: 90 },
];

async function writtenLog(): Promise<string> {
  const path = inFolder("metrics.jsonl");
  const log = await MetricsLog.open(path, silent);
  for (const record of records) log.append(record);
  return path;
}

describe("MetricsLog", () => {
  it("gives back what was appended, in order, one JSON object a line", async () => {
    const path = await writtenLog();
    expect(await readMetrics(path, silent)).toEqual(records);
    expect(readFileSync(path, "utf8").split("\n")[0]).toBe('{"step":20,"kind":"train","loss":120.5,"gradientNorm":3}');
  });

  it("goes on with a log that is there", async () => {
    const path = await writtenLog();
    (await MetricsLog.open(path, silent)).append({ step: 80, kind: "train" });
    expect(await readMetrics(path, silent)).toEqual([...records, { step: 80, kind: "train" }]);
  });

  it("keeps alerts beside the numbers, in order", async () => {
    const path = await writtenLog();
    const log = await MetricsLog.open(path, silent);
    const alert = { kind: "alert", alert: "one-count", message: "All is one. Try two." } as const;
    log.append({ step: 60, ...alert });
    log.append({ step: 80, kind: "train", loss: 80 });
    log.append({ step: 80, ...alert });
    expect(await readMetrics(path, silent)).toEqual([...records, { step: 80, kind: "train", loss: 80 }]);
    expect(await readAlerts(path, silent)).toEqual([
      { step: 60, ...alert },
      { step: 80, ...alert },
    ]);
    expect(await log.truncateAfter(60)).toEqual(records);
    expect(await readAlerts(path, silent)).toEqual([{ step: 60, ...alert }]);
    const lines = readFileSync(path, "utf8").trim().split("\n");
    expect(JSON.parse(lines.at(-1)!)).toEqual({ step: 60, ...alert });
    for (const wrong of [{ alert: "boredom" }, { message: 3 }, { step: -1 }, { more: 1 }]) {
      writeFileSync(path, `${JSON.stringify({ step: 60, ...alert, ...wrong })}\n`);
      await expect(readAlerts(path, silent)).rejects.toThrow(/line 1, is not a metrics record/);
    }
  });

  it("has no records before the first", async () => {
    expect(await readMetrics(inFolder("none.jsonl"), silent)).toEqual([]);
    await (await MetricsLog.open(inFolder("none.jsonl"), silent)).truncateAfter(0);
    expect(existsSync(inFolder("none.jsonl"))).toBe(false);
  });

  it.each([
    [{ step: 1, kind: "train", loss: Number.NaN }, "loss: "],
    [{ step: 1, kind: "train", loss: Number.POSITIVE_INFINITY }, "loss: "],
    [{ step: -1, kind: "train" }, "step: "],
  ] as const)("refuses %j, which would not read back", async (record, message) => {
    const path = await writtenLog();
    const log = await MetricsLog.open(path, silent);
    expect(() => log.append(record)).toThrow(message);
    expect(await readMetrics(path, silent)).toEqual(records);
  });

  it.each(['{"step":80,"ki', '{"step":80,"kind":"train"}', "\0\0\0"])(
    "drops a last line that a kill left half-written (%j), with a notice",
    async (half) => {
      const path = await writtenLog();
      appendFileSync(path, half);
      const notices: string[] = [];
      const onNotice = (message: string): void => void notices.push(message);
      expect(await readMetrics(path, onNotice)).toEqual(records);
      expect(notices).toEqual([expect.stringMatching(/half-written last line \(line 5\) of .*metrics\.jsonl/)]);
      const log = await MetricsLog.open(path, onNotice);
      expect(notices).toHaveLength(2);
      log.append({ step: 80, kind: "train" });
      expect(await readMetrics(path, silent)).toEqual([...records, { step: 80, kind: "train" }]);
    },
  );

  it("refuses a log that is too large or a device, before it reads", async () => {
    const path = await writtenLog();
    truncateSync(path, 2 ** 28 + 1);
    await expect(readMetrics(path, silent)).rejects.toThrow(/268435457 bytes, at most 268435456 are read/);
    await expect(readMetrics("/dev/null", silent)).rejects.toThrow(FileError);
  });

  it("names the line in the middle that is no record", async () => {
    const path = await writtenLog();
    const lines = readFileSync(path, "utf8").split("\n");
    for (const bad of ["{", '{"step":40}', "", '{"step":40,"kind":"train","loss":null}']) {
      writeFileSync(path, lines.with(1, bad).join("\n"));
      await expect(readMetrics(path, silent)).rejects.toThrow(/metrics\.jsonl, line 2, is not a metrics record/);
      await expect(MetricsLog.open(path, silent)).rejects.toThrow(FileError);
    }
  });

  it("drops what lies beyond a step, and no more", async () => {
    const path = await writtenLog();
    const log = await MetricsLog.open(path, silent);
    await log.truncateAfter(60);
    expect(await readMetrics(path, silent)).toEqual(records);
    await log.truncateAfter(40);
    expect(await readMetrics(path, silent)).toEqual(records.slice(0, 3));
    log.append({ step: 60, kind: "train", loss: 91 });
    expect(await readMetrics(path, silent)).toEqual([...records.slice(0, 3), { step: 60, kind: "train", loss: 91 }]);
    await log.truncateAfter(0);
    expect(readFileSync(path, "utf8")).toBe("");
  });

  it("names the file that cannot be read", async () => {
    mkdirSync(inFolder("folder"));
    await expect(MetricsLog.open(inFolder("folder"), silent)).rejects.toThrow(/Cannot read .*folder: it is a folder/);
  });

  it("names the file that cannot be written", async () => {
    const log = await MetricsLog.open(inFolder("missing", "metrics.jsonl"), silent);
    expect(() => log.append(records[0]!)).toThrow(
      /Cannot write .*metrics\.jsonl: the file or its folder does not exist/,
    );
  });

  linux.it("says when the disk is full", async () => {
    // Reading it never ends, so it cannot be opened as a log: it takes a log's place after that.
    const path = inFolder("metrics.jsonl");
    const log = await MetricsLog.open(path, silent);
    symlinkSync("/dev/full", path);
    expect(() => log.append(records[0]!)).toThrow(/Cannot write .*metrics\.jsonl: no space is left on the device/);
  });
});

describe("missingReports", () => {
  const every = { steps: 100, stepsPerRun: 20, evaluateEvery: 40, checkpointEvery: 40 };
  const trainedAt = (...steps: number[]): MetricsRecord[] => steps.map((step) => ({ step, kind: "train" }));
  const evaluatedAt = (...steps: number[]): MetricsRecord[] => steps.map((step) => ({ step, kind: "evaluation" }));

  it("are none of a whole log, however far it is", () => {
    const all = [...trainedAt(20, 40, 60, 80, 100), ...evaluatedAt(40, 80, 100)];
    for (let step = 0; step <= 100; step += 20) {
      expect(
        missingReports(
          all.filter((record) => record.step <= step),
          step,
          every,
        ),
      ).toEqual([]);
    }
  });

  it("are due at evaluations, checkpoints and the end, whether or not they are multiples of `stepsPerRun`", () => {
    const uneven = { steps: 75, stepsPerRun: 20, evaluateEvery: 30, checkpointEvery: 50 };
    const due: number[] = [];
    for (let at = nextReport(0, uneven); due.at(-1) !== uneven.steps; at = nextReport(at, uneven)) due.push(at);
    expect(due).toEqual([20, 30, 40, 50, 60, 75]);
    const all = [...trainedAt(...due), ...evaluatedAt(30, 60, 75)];
    expect(missingReports(all, 75, uneven)).toEqual([]);
    expect(missingReports(all.slice(1), 75, uneven)).toEqual(["training: step 20"]);
  });

  it("names lines that are gone, at the beginning, in the middle and at the end", () => {
    expect(missingReports([...trainedAt(40, 80), ...evaluatedAt(80)], 100, every)).toEqual([
      ...[
        "training: step 20",
        "training: step 60",
        "training: step 100",
        "evaluation: step 40",
        "evaluation: step 100",
      ],
    ]);
    expect(missingReports([], 60, every)).toEqual(["training: steps 20 to 60", "evaluation: step 40"]);
  });
});
