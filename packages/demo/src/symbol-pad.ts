/** A small square to draw one symbol in: by pointer, or by the arrow keys and the space bar. */
import { brushRadius, inkSegment, type Point } from "./brush.js";
import { byId, setAttributes } from "./elements.js";
import { cutSymbol, type DrawnSymbol } from "./own-images.js";
import { paintPlanes, placeRect } from "./picture-view.js";
import { blankRaster, canvasFromRaster, type Raster } from "./raster.js";

const SIDE = 56;
const INK = [255];
/** Share of the pad that a symbol usually takes: the pen is as wide as that of the digits then. */
const USUAL = 0.75;

const moves: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export class SymbolPad {
  readonly #pad = byId("pad", HTMLElement);
  readonly #canvas = byId("pad-drawing", HTMLCanvasElement);
  readonly #cursor = byId("pad-cursor", SVGRectElement);
  readonly #brush = { radius: brushRadius(SIDE * USUAL), ink: INK };
  #raster: Raster = blankPad();
  #last: Point | undefined;
  #key = { x: SIDE / 2, y: SIDE / 2, down: false, shown: false };

  constructor() {
    // Keys go to the drawing, not to the screen reader's own commands.
    setAttributes(this.#pad, {
      role: "application",
      "aria-label": "Symbol",
      "aria-describedby": "pad-help",
      tabindex: 0,
    });
    this.#pad.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#pad.setPointerCapture(event.pointerId);
      this.#last = this.#pointOf(event);
      this.#ink(this.#last, this.#last);
    });
    this.#pad.addEventListener("pointermove", (event) => {
      if (!this.#last) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) {
        const point = this.#pointOf(each);
        this.#ink(this.#last, point);
        this.#last = point;
      }
    });
    const lift = (): void => {
      this.#last = undefined;
    };
    this.#pad.addEventListener("pointerup", lift);
    this.#pad.addEventListener("pointercancel", lift);
    this.#pad.addEventListener("keydown", (event) => this.#press(event));
    this.#pad.addEventListener("blur", () => {
      this.#key = { ...this.#key, down: false, shown: false };
      this.#show();
    });
    this.#show();
  }

  /** The symbol that was drawn; undefined if nothing was. */
  get symbol(): DrawnSymbol | undefined {
    return cutSymbol(this.#raster.data, SIDE);
  }

  clear(): void {
    this.#raster = blankPad();
    this.#show();
  }

  #pointOf({ clientX, clientY }: PointerEvent): Point {
    const { left, top, width, height } = this.#pad.getBoundingClientRect();
    return { x: ((clientX - left) / width) * SIDE, y: ((clientY - top) / height) * SIDE };
  }

  #ink(from: Point, to: Point): void {
    inkSegment(this.#raster, from, to, this.#brush);
    this.#show();
  }

  #press(event: KeyboardEvent): void {
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!move && event.key !== " ")) return;
    event.preventDefault();
    const { x, y, down } = this.#key;
    if (!move) {
      this.#key = { x, y, down: !down, shown: true };
      if (!down) this.#ink({ x, y }, { x, y });
    } else {
      const stride = event.shiftKey ? 6 : 2;
      const within = (value: number): number => Math.min(Math.max(value, 1), SIDE - 1);
      const to = { x: within(x + stride * move[0]), y: within(y + stride * move[1]) };
      this.#key = { ...to, down, shown: true };
      if (down) this.#ink({ x, y }, to);
    }
    this.#show();
  }

  #show(): void {
    paintPlanes(this.#canvas, canvasFromRaster(this.#raster), 1);
    const { x, y, down, shown } = this.#key;
    const reach = down ? 1 : 2;
    placeRect(this.#cursor, { xmin: x - reach, ymin: y - reach, xmax: x + reach, ymax: y + reach });
    this.#cursor.style.display = shown ? "" : "none";
  }
}

function blankPad(): Raster {
  return blankRaster({ imageSize: SIDE, channels: 1 });
}
