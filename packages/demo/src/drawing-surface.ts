/** The image that a user makes: by pointer, by keyboard, from stamps, from a file or the clipboard. */
import type { Box, SceneObject } from "@air-onnx/core";
import { type Brush, brushRadius, inkSegment, type Point } from "./brush.js";
import { byId, make, makeSvg, resizeChildren, setAttributes } from "./elements.js";
import { paintPlanes, placeRect, showBoxes } from "./picture-view.js";
import { listenToArrows, markRadio } from "./radio-row.js";
import {
  blankRaster,
  type Colour,
  canvasFromRaster,
  copyRaster,
  invertRaster,
  isBlank,
  type Raster,
} from "./raster.js";
import { pasteStamp } from "./stamp.js";
import { showThumbnails } from "./thumbnails.js";

export interface DrawingForm {
  readonly imageSize: number;
  readonly channels: number;
  /** Side of the objects that the model expects, pixels. */
  readonly objectSide: number;
}

const UNDO_DEPTH = 50;
/** Pens for RGB models: every channel off or full, as their sprites are. */
const pens: readonly (readonly [name: string, colour: Colour])[] = [
  ["white", [255, 255, 255]],
  ["red", [255, 0, 0]],
  ["yellow", [255, 255, 0]],
  ["green", [0, 255, 0]],
  ["cyan", [0, 255, 255]],
  ["blue", [0, 0, 255]],
  ["magenta", [255, 0, 255]],
];

export class DrawingSurface {
  readonly #surface = byId("surface", HTMLElement);
  readonly #canvas = byId("drawing", HTMLCanvasElement);
  readonly #overlay = byId("drawing-boxes", SVGSVGElement);
  readonly #undoButton = byId("undo", HTMLButtonElement);
  readonly #colourRow = byId("colours", HTMLElement);
  readonly #stampRow = byId("stamps", HTMLElement);
  readonly #boxes = makeSvg("svg");
  readonly #guide = makeSvg("rect", { class: "guide" });
  readonly #cursor = makeSvg("rect", { class: "cursor" });
  readonly #onChange: () => void;
  #form: DrawingForm = { imageSize: 1, channels: 1, objectSide: 1 };
  #raster = blankRaster(this.#form);
  #past: Raster[] = [];
  #stamps: readonly Raster[] = [];
  #stamp = 0;
  #pen = 0;
  /** Position of the keyboard's pen, whether it is down, and whether it is shown. */
  #key = { x: 0, y: 0, down: false, shown: false };
  #last: Point | undefined;
  /** Extent of the stroke or, before it, the place of the pointer, around which the guide is shown; undefined elsewhere. */
  #stroke: Box | undefined;

  /** @param onChange called after every change of the picture by the user */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    // Keys go to the drawing, not to the screen reader's own commands.
    setAttributes(this.#surface, {
      role: "application",
      "aria-label": "Drawing",
      "aria-describedby": "surface-help",
    });
    this.#surface.tabIndex = 0;
    this.#overlay.append(this.#boxes, this.#guide, this.#cursor);
    listenToArrows(this.#colourRow);
    listenToArrows(this.#stampRow);
    this.#listenToPointer();
    this.#surface.addEventListener("keydown", (event) => this.#pressKey(event));
    this.#surface.addEventListener("blur", () => {
      this.#key = { ...this.#key, down: false, shown: false };
      this.#showGuides();
    });
    byId("clear", HTMLButtonElement).addEventListener("click", () => this.replace(blankRaster(this.#form)));
    byId("invert", HTMLButtonElement).addEventListener("click", () => this.replace(invertRaster(this.#raster)));
    this.#undoButton.addEventListener("click", () => this.#undo());
    for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="tool"]')) {
      radio.addEventListener("change", () => this.#showChoices());
    }
  }

  get raster(): Raster {
    return this.#raster;
  }

  /** Switches to pictures of another form and shows `raster`. */
  open(form: DrawingForm, raster: Raster): void {
    this.#form = form;
    this.#past = [];
    this.#raster = raster;
    this.#key = { x: form.imageSize / 2, y: form.imageSize / 2, down: false, shown: false };
    this.#overlay.setAttribute("viewBox", `0 0 ${form.imageSize} ${form.imageSize}`);
    this.#paint();
    this.#showGuides();
    this.#showChoices();
    this.showObjects([]);
  }

  /** Sets the size of the guide, which is exact once the model is loaded. */
  setObjectSide(objectSide: number): void {
    this.#form = { ...this.#form, objectSide };
    this.#showGuides();
  }

  setStamps(stamps: readonly Raster[]): void {
    this.#stamps = stamps;
    this.#stamp = 0;
    const tool = (value: string) => document.querySelector<HTMLInputElement>(`input[name="tool"][value="${value}"]`)!;
    tool("stamp").disabled = stamps.length === 0;
    // Digits are easy to draw by pen; sprites are not, so stamps are the default for them.
    tool(this.#form.channels === 3 && stamps.length > 0 ? "stamp" : "pen").checked = true;
    this.#showChoices();
  }

  /** Replaces the picture; undo brings the old one back. */
  replace(raster: Raster): void {
    this.#remember();
    this.#raster = raster;
    this.#changed();
  }

  showObjects(objects: readonly Pick<SceneObject, "tightBox">[]): void {
    showBoxes(
      this.#boxes,
      objects.map(({ tightBox }, index) => ({ box: tightBox, index })),
      this.#form.imageSize,
    );
  }

  get #tool(): string {
    return document.querySelector<HTMLInputElement>('input[name="tool"]:checked')?.value ?? "pen";
  }

  get #brush(): Brush {
    const radius = brushRadius(this.#form.objectSide);
    if (this.#tool === "erase") return { radius: radius * 2, ink: "erase" };
    const colour = pens[this.#pen]![1];
    return { radius, ink: this.#form.channels === 1 ? [255] : colour };
  }

  #listenToPointer(): void {
    const surface = this.#surface;
    surface.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      surface.focus({ preventScroll: true });
      surface.setPointerCapture(event.pointerId);
      this.#remember();
      const point = this.#pointOf(event);
      if (this.#tool === "stamp") {
        this.#drop(point);
        return;
      }
      this.#last = point;
      this.#stroke = boxAround(point);
      this.#draw(point, point);
    });
    surface.addEventListener("pointermove", (event) => {
      if (!this.#last) {
        this.#stroke = boxAround(this.#pointOf(event));
        this.#showGuides();
        return;
      }
      // Between two frames a pointer can pass several points.
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length > 0 ? passed : [event]) {
        const point = this.#pointOf(each);
        inkSegment(this.#raster, this.#last, point, this.#brush);
        this.#last = point;
        this.#stroke = boxAround(point, this.#stroke);
      }
      this.#changed();
    });
    const lift = (): void => {
      this.#last = undefined;
    };
    surface.addEventListener("pointerup", lift);
    surface.addEventListener("pointercancel", lift);
    surface.addEventListener("pointerleave", () => {
      this.#stroke = undefined;
      this.#showGuides();
    });
  }

  #pointOf(event: PointerEvent): Point {
    const { left, top, width, height } = this.#surface.getBoundingClientRect();
    const { imageSize } = this.#form;
    return { x: ((event.clientX - left) / width) * imageSize, y: ((event.clientY - top) / height) * imageSize };
  }

  #pressKey(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      this.#undo();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const stride = event.shiftKey ? 5 : 1;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-stride, 0],
      ArrowRight: [stride, 0],
      ArrowUp: [0, -stride],
      ArrowDown: [0, stride],
    };
    const move = moves[event.key];
    const { x, y, down } = this.#key;
    if (move) {
      const inside = (value: number) => Math.min(Math.max(value, 0), this.#form.imageSize);
      const next = { x: inside(x + move[0]), y: inside(y + move[1]) };
      this.#key = { ...next, down, shown: true };
      if (down) this.#draw({ x, y }, next);
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.#tool === "stamp") {
        this.#remember();
        this.#drop({ x, y });
      } else if (!down) {
        this.#remember();
        this.#draw({ x, y }, { x, y });
      }
      this.#key = { x, y, down: this.#tool !== "stamp" && !down, shown: true };
    } else if (event.key === "Escape") {
      this.#key = { x, y, down: false, shown: true };
    } else {
      return;
    }
    event.preventDefault();
    this.#showGuides();
  }

  #draw(from: Point, to: Point): void {
    inkSegment(this.#raster, from, to, this.#brush);
    this.#changed();
  }

  #drop(point: Point): void {
    const stamp = this.#stamps[this.#stamp];
    if (!stamp) return;
    pasteStamp(this.#raster, stamp, point);
    this.#changed();
  }

  #remember(): void {
    this.#past.push(copyRaster(this.#raster));
    if (this.#past.length > UNDO_DEPTH) this.#past.shift();
    this.#undoButton.disabled = false;
  }

  #undo(): void {
    const previous = this.#past.pop();
    if (!previous) return;
    this.#raster = previous;
    this.#changed();
  }

  #changed(): void {
    this.#paint();
    this.#showGuides();
    this.#onChange();
  }

  #paint(): void {
    paintPlanes(this.#canvas, canvasFromRaster(this.#raster), this.#form.channels);
    this.#undoButton.disabled = this.#past.length === 0;
  }

  /**
   * Shows the position of the keyboard's pen, and the expected size of an object: around the pen and what it draws, or in the
   * middle of an empty picture.
   */
  #showGuides(): void {
    const { imageSize, objectSide } = this.#form;
    const { x, y, down, shown } = this.#key;
    const pen = this.#tool === "pen" ? (this.#stroke ?? (shown ? boxAround({ x, y }) : undefined)) : undefined;
    const middle = pen
      ? { x: (pen.xmin + pen.xmax) / 2, y: (pen.ymin + pen.ymax) / 2 }
      : { x: imageSize / 2, y: imageSize / 2 };
    const half = objectSide / 2;
    placeRect(this.#guide, {
      xmin: middle.x - half,
      ymin: middle.y - half,
      xmax: middle.x + half,
      ymax: middle.y + half,
    });
    this.#guide.style.display = pen || isBlank(this.#raster) ? "" : "none";
    const reach = down ? 0.6 : 1.2;
    placeRect(this.#cursor, { xmin: x - reach, ymin: y - reach, xmax: x + reach, ymax: y + reach });
    this.#cursor.style.display = shown ? "" : "none";
  }

  #showChoices(): void {
    const isStamp = this.#tool === "stamp";
    this.#stampRow.hidden = !isStamp;
    showThumbnails(
      this.#stampRow,
      this.#stamps.map((raster, i) => ({ raster, label: `Object ${i + 1}` })),
      (index) => {
        this.#stamp = index;
        this.#showChoices();
      },
      this.#stamp,
    );
    this.#colourRow.hidden = this.#form.channels !== 3 || this.#tool !== "pen";
    const buttons = resizeChildren(this.#colourRow, pens.length, (i) => {
      const [name, colour] = pens[i]!;
      const button = make("button", { type: "button", title: name });
      button.setAttribute("aria-label", name);
      // An SVG attribute, because a strict content security policy allows no style attributes.
      const disc = makeSvg("rect", { width: 1, height: 1, fill: `rgb(${colour.join(" ")})` });
      button.append(makeSvg("svg", { viewBox: "0 0 1 1", "aria-hidden": "true" }, disc));
      button.addEventListener("click", () => {
        this.#pen = i;
        this.#showChoices();
      });
      return button;
    });
    buttons.forEach((button, i) => {
      markRadio(button as HTMLElement, i === this.#pen);
    });
  }
}

/** The smallest box with a point and, if given, another box inside. */
function boxAround({ x, y }: Point, box: Box = { xmin: x, ymin: y, xmax: x, ymax: y }): Box {
  return {
    xmin: Math.min(box.xmin, x),
    ymin: Math.min(box.ymin, y),
    xmax: Math.max(box.xmax, x),
    ymax: Math.max(box.ymax, y),
  };
}
