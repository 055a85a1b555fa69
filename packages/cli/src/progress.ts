/** How far a long job is: a bar on a terminal, elsewhere a line now and then. */
import type { MultiBar, SingleBar } from "cli-progress";
import { print } from "./output.js";

export interface Progress extends Disposable {
  /** `done` of `total` (unknown: undefined); `detail` is what stands behind the bar. */
  update(done: number, total: number | undefined, detail: string): void;
  /** Prints a line that stays. */
  line(text: string): void;
}

export interface ProgressOptions {
  /** Of the job, short. */
  readonly label: string;
  /** Milliseconds between lines where there is no terminal; default 5,000. */
  readonly everyMs?: number;
  /** Also a line whenever this much more is done. */
  readonly everyDone?: number;
  /** For output that a program reads: nothing but a bar on standard error's terminal. */
  readonly quiet?: boolean;
}

export async function showProgress({ quiet = false, ...options }: ProgressOptions): Promise<Progress> {
  const stream = quiet ? process.stderr : process.stdout;
  if (stream.isTTY) return bar((await import("cli-progress")).default, stream, options.label);
  return quiet ? silent : lines(options);
}

const silent: Progress = { update() {}, line() {}, [Symbol.dispose]() {} };

function lines({ label, everyMs = 5000, everyDone = Number.POSITIVE_INFINITY }: ProgressOptions): Progress {
  let lastDone = 0;
  let lastTime = performance.now();
  return {
    update(done, _total, detail) {
      // A new phase of the job counts from the start.
      if (done < lastDone) lastDone = 0;
      if (performance.now() - lastTime < everyMs && done - lastDone < everyDone) return;
      lastTime = performance.now();
      lastDone = done;
      print([label, detail].filter(Boolean).join("  "));
    },
    line: print,
    [Symbol.dispose]() {},
  };
}

function bar(library: typeof import("cli-progress"), stream: NodeJS.WriteStream, label: string): Progress {
  let bars: MultiBar | undefined;
  let current: SingleBar | undefined;
  return {
    update(done, total, detail) {
      bars ??= new library.MultiBar({
        stream,
        format: "{label} {bar} {percentage} % {detail}",
        barCompleteChar: "█",
        barIncompleteChar: "░",
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
      });
      current ??= bars.create(total ?? 1, 0, { label, detail });
      current.setTotal(total ?? Math.max(1, done));
      current.update(done, { label, detail });
    },
    line(text) {
      if (bars) bars.log(`${text}\n`);
      else stream.write(`${text}\n`);
    },
    [Symbol.dispose]() {
      bars?.update();
      bars?.stop();
    },
  };
}
