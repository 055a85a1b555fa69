/**
 * What a run reports, as TensorBoard reads it: scalars and pictures in event files, written while it trains.
 *
 * A run that goes on from a checkpoint begins another file, whose first event says from which step. TensorBoard then
 * drops what older files hold of that step and later ones, as TensorFlow's own training has it; they are not rewritten,
 * so that times stay true and a TensorBoard that is watching is not disturbed. The record of truth is metrics.jsonl.
 */
import { appendFileSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { FileError, reasonInWords } from "@air-onnx/scenes";
import protobuf from "protobufjs";
import type { MetricsRecord } from "./metrics-log.js";
import { tfRecord } from "./tfrecord.js";

/** The part of TensorFlow's event.proto and summary.proto that is written here. */
const EVENT_PROTO = `
syntax = "proto3";
package tensorflow;

message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
}
message SessionLog {
  enum SessionStatus { STATUS_UNSPECIFIED = 0; START = 1; STOP = 2; CHECKPOINT = 3; }
  SessionStatus status = 1;
}
message Summary {
  message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4; }
  message Value { string tag = 1; oneof value { float simple_value = 2; Image image = 4; } }
  repeated Value value = 1;
}
`;

const eventType = protobuf.parse(EVENT_PROTO).root.lookupType("tensorflow.Event");

/** The version from which on readers heed the event that begins a session. */
const FILE_VERSION = "brain.Event:2";

type SummaryValue = { tag: string } & ({ simpleValue: number } | { image: object });
type EventContent =
  | { fileVersion: string }
  | { step: number; sessionLog: { status: "START" } }
  | { step: number; summary: { value: SummaryValue[] } };

/** A picture as PNG. */
export interface EncodedPicture {
  /** Bytes of the PNG file. */
  readonly png: Uint8Array;
  /** Width, pixels. */
  readonly width: number;
  /** Height, pixels. */
  readonly height: number;
}

/** The event file of one session of training. */
export class EventFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Begins a file in `folder`, which is made if need be, for the steps after `step`. This process alone may write there.
   *
   * @throws {FileError} if it cannot be written
   */
  static async begin(folder: string, step: number): Promise<EventFile> {
    try {
      await mkdir(folder, { recursive: true });
      const path = join(folder, nextName(await readdir(folder)));
      const start = { step: step + 1, sessionLog: { status: "START" } } as const;
      await writeFile(path, Buffer.concat([encodeEvent({ fileVersion: FILE_VERSION }), encodeEvent(start)]), {
        flag: "wx",
      });
      return new EventFile(path);
    } catch (cause) {
      throw new FileError(`Cannot write event files into ${folder}: ${reasonInWords(cause)}`, folder, { cause });
    }
  }

  /** Adds the metrics of a record, each by a tag such as `train/elbo`. */
  record({ step, kind, ...metrics }: MetricsRecord): void {
    const value = Object.entries(metrics).map(([name, metric]) => ({
      tag: `${kind}/${name}`,
      simpleValue: Number(metric),
    }));
    this.#append({ step, summary: { value } });
  }

  /** Adds a picture. */
  picture(step: number, tag: string, { png, width, height }: EncodedPicture): void {
    const image = { height, width, colorspace: 3, encodedImageString: png };
    this.#append({ step, summary: { value: [{ tag, image }] } });
  }

  #append(event: EventContent): void {
    try {
      // What a full disk leaves of it, readers skip: the next session's file follows.
      appendFileSync(this.#path, encodeEvent(event));
    } catch (cause) {
      throw new FileError(`Cannot write ${this.#path}: ${reasonInWords(cause)}`, this.#path, { cause });
    }
  }
}

function encodeEvent(content: EventContent): Uint8Array {
  return tfRecord(eventType.encode(eventType.fromObject({ wallTime: Date.now() / 1000, ...content })).finish());
}

/**
 * A name of the usual form, `events.out.tfevents.SECONDS.HOST.PID`. Readers take files in the order of their names, so its
 * time is later than those of all that are there, whatever the clock says.
 */
function nextName(names: readonly string[]): string {
  const times = names.map((name) => Number(/^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1] ?? 0));
  const seconds = Math.max(Math.floor(Date.now() / 1000), ...times.map((time) => time + 1));
  return `events.out.tfevents.${String(seconds).padStart(10, "0")}.${hostname()}.${process.pid}`;
}
