/** The same training with the paper's own estimator, beside the visitor's: same images, same seed, a worker of its own. */
import { byId } from "./elements.js";
import type { OwnImages } from "./own-images.js";
import { siteUrl } from "./site.js";
import { TrainingClient } from "./training-client.js";
import type { FromTrainer, Pace } from "./training-messages.js";
import { RIVAL_TRAINING } from "./training-preset.js";
import type { CurvePoint } from "./training-store.js";
import { shareInWords } from "./words.js";

/** What the visitor's training is, which the rival follows. */
export interface Leader {
  readonly seed: number;
  readonly own: OwnImages | undefined;
  /** Whether it runs, or has run to its end. */
  readonly isRunning: boolean;
  readonly pace: Pace;
}

export class Rival {
  readonly #box = byId("compare", HTMLInputElement);
  readonly #status = byId("rival-status", HTMLElement);
  readonly #client = new TrainingClient("training of the paper's estimator", {
    receive: (message) => this.#receive(message),
    failed: ({ text }) => this.#failed(text),
  });
  readonly #leader: () => Leader | undefined;
  readonly #onCurve: () => void;
  #curve: CurvePoint[] = [];
  /** Whether the opened training is that of the leader. */
  #isOpen = false;

  /** @param onCurve called when the curve has changed */
  constructor(leader: () => Leader | undefined, onCurve: () => void) {
    this.#leader = leader;
    this.#onCurve = onCurve;
    this.#box.addEventListener("change", () => (this.#box.checked ? this.#open(false) : this.#close()));
  }

  get curve(): readonly CurvePoint[] {
    return this.#box.checked ? this.#curve : [];
  }

  /**
   * Offers the comparison, and follows a leader that was opened.
   *
   * @param isAnew whether the leader starts from the beginning
   */
  follow(isAnew: boolean): void {
    this.#box.disabled = false;
    if (this.#box.checked) this.#open(isAnew);
  }

  run(isRunning: boolean): void {
    if (this.#isOpen) this.#client.post({ run: isRunning });
  }

  setPace(pace: Pace): void {
    if (this.#isOpen) this.#client.post({ pace });
  }

  /** Opens what was kept if it is of the leader's seed and images, and the leader goes on, too; else starts anew. */
  #open(isAnew: boolean): void {
    const leader = this.#leader();
    if (!leader) return;
    this.#isOpen = false;
    this.#curve = [];
    this.#onCurve();
    this.#status.textContent = "Loading…";
    this.#post(isAnew ? leader : undefined);
  }

  #post(anew: Leader | undefined): void {
    this.#client.post({
      open: {
        training: siteUrl(RIVAL_TRAINING).href,
        keepAs: "rival",
        anew: anew && { seed: anew.seed, images: anew.own },
      },
    });
  }

  #close(): void {
    this.#client[Symbol.dispose]();
    this.#isOpen = false;
    this.#curve = [];
    this.#status.textContent = "";
    this.#onCurve();
  }

  #receive(message: Exclude<FromTrainer, { failure: unknown }>): void {
    const leader = this.#leader();
    if (!leader || !this.#box.checked) return;
    if ("opened" in message) {
      const { seed, own, curve, step } = message.opened;
      if (seed !== leader.seed || !isSame(own, leader.own)) {
        this.#post(leader);
        return;
      }
      this.#isOpen = true;
      this.#curve = [...curve];
      this.#status.textContent = `REINFORCE: step ${step.toLocaleString("en")}`;
      this.#client.post({ pace: leader.pace });
      if (leader.isRunning) this.#client.post({ run: true });
      this.#onCurve();
    } else if ("progress" in message) {
      const accuracy = this.#curve.at(-1)?.accuracy;
      const counted = accuracy === undefined ? "" : `, ${shareInWords(accuracy)} counted right`;
      this.#status.textContent = `REINFORCE: step ${message.progress.step.toLocaleString("en")}${counted}`;
    } else if ("point" in message) {
      this.#curve.push(message.point);
      this.#onCurve();
    } else if ("notice" in message) {
      this.#status.textContent = message.notice;
    }
  }

  #failed(text: string): void {
    this.#box.checked = false;
    this.#close();
    this.#status.textContent = text;
  }
}

function isSame(a: OwnImages | undefined, b: OwnImages | undefined): boolean {
  const bytesOf = (own: OwnImages): readonly Uint8ClampedArray[] =>
    own.kind === "symbols" ? own.symbols.map(({ pixels }) => pixels) : [own.pixels];
  if (!a || !b) return a === b;
  const [ours, theirs] = [bytesOf(a), bytesOf(b)];
  return (
    a.kind === b.kind &&
    ours.length === theirs.length &&
    ours.every((each, i) => each.length === theirs[i]!.length && each.every((value, at) => value === theirs[i]![at]))
  );
}
