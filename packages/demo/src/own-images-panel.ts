/** Where visitors bring images of their own: symbols that they draw, or files. */
import { byId, make, resizeChildren } from "./elements.js";
import { fitImage } from "./image-fit.js";
import { readPicture } from "./image-source.js";
import {
  type DrawnSymbol,
  FEWEST_PICTURES,
  FEWEST_SYMBOLS,
  MOST_PICTURES,
  MOST_SYMBOLS,
  type OwnImages,
} from "./own-images.js";
import { paintPlanes } from "./picture-view.js";
import { canvasFromRaster } from "./raster.js";
import { SymbolPad } from "./symbol-pad.js";
import { filesInWords } from "./words.js";

export class OwnImagesPanel {
  readonly #pad = new SymbolPad();
  readonly #row = byId("symbols", HTMLOListElement);
  readonly #learnSymbols = byId("learn-symbols", HTMLButtonElement);
  readonly #add = byId("add-symbol", HTMLButtonElement);
  readonly #padStatus = byId("pad-status", HTMLElement);
  readonly #filesStatus = byId("files-status", HTMLElement);
  readonly #learnFiles = byId("learn-files", HTMLButtonElement);
  #symbols: readonly DrawnSymbol[] = [];
  #pictures: OwnImages | undefined;
  /** Number of the last choice of files: an earlier one that is still being read is dropped. */
  #choice = 0;
  #imageSize = 1;

  /** @param chosen called with the images to learn from from now on; undefined for those that the page draws */
  constructor(chosen: (images: OwnImages | undefined) => void) {
    this.#add.addEventListener("click", () => this.#addSymbol());
    byId("clear-pad", HTMLButtonElement).addEventListener("click", () => this.#pad.clear());
    this.#learnSymbols.addEventListener("click", () => chosen({ kind: "symbols", symbols: this.#symbols }));
    for (const [button, input] of [
      ["open-files", "files"],
      ["open-folder", "folder"],
    ] as const) {
      const field = byId(input, HTMLInputElement);
      byId(button, HTMLButtonElement).addEventListener("click", () => field.click());
      field.addEventListener("change", () => {
        const files = [...(field.files ?? [])];
        // Otherwise choosing the same files again would not be a change.
        field.value = "";
        if (files.length > 0) void this.#read(files);
      });
    }
    this.#learnFiles.addEventListener("click", () => this.#pictures && chosen(this.#pictures));
    byId("learn-digits", HTMLButtonElement).addEventListener("click", () => chosen(undefined));
    this.#showSymbols();
  }

  /**
   * Shows what is learned from, such as after a reload.
   *
   * @param imageSize side of the model's images, pixels
   */
  show(images: OwnImages | undefined, imageSize: number): void {
    this.#imageSize = imageSize;
    byId("learn-digits", HTMLButtonElement).disabled = images === undefined;
    if (images?.kind !== "symbols" || this.#symbols.length > 0) return;
    this.#symbols = images.symbols;
    this.#showSymbols();
  }

  #addSymbol(): void {
    const symbol = this.#pad.symbol;
    if (!symbol) {
      this.#padStatus.textContent = "Draw something first.";
      return;
    }
    this.#symbols = [...this.#symbols, symbol];
    this.#pad.clear();
    this.#showSymbols();
  }

  #showSymbols(): void {
    const symbols = this.#symbols;
    const items = resizeChildren(this.#row, symbols.length, () =>
      make("li", {}, make("button", { type: "button" }, make("canvas", { className: "pixels" }))),
    );
    symbols.forEach(({ pixels, side }, i) => {
      const button = items[i]!.firstElementChild as HTMLButtonElement;
      button.setAttribute("aria-label", `Remove symbol ${i + 1}`);
      button.title = button.getAttribute("aria-label")!;
      button.onclick = () => {
        this.#symbols = symbols.filter((_, other) => other !== i);
        this.#showSymbols();
      };
      const raster = { data: pixels, width: side, height: side, channels: 1 };
      paintPlanes(button.firstElementChild as HTMLCanvasElement, canvasFromRaster(raster), 1);
    });
    const missing = FEWEST_SYMBOLS - symbols.length;
    this.#add.disabled = symbols.length >= MOST_SYMBOLS;
    this.#learnSymbols.disabled = missing > 0;
    this.#padStatus.textContent =
      missing > 0
        ? `${missing} more to draw.`
        : symbols.length < MOST_SYMBOLS
          ? `Ready; up to ${MOST_SYMBOLS - symbols.length} more can be drawn.`
          : "Ready.";
  }

  async #read(files: readonly File[]): Promise<void> {
    const choice = ++this.#choice;
    this.#pictures = undefined;
    this.#learnFiles.disabled = true;
    const form = { imageSize: this.#imageSize, channels: 1 };
    const fitted: Uint8ClampedArray[] = [];
    const bad: string[] = [];
    let inverted = 0;
    let evened = 0;
    for (const file of files) {
      if (fitted.length === MOST_PICTURES) break;
      try {
        const { raster, isInverted, isEvened } = fitImage(await readPicture(file), form);
        fitted.push(raster.data);
        if (isInverted) inverted++;
        else if (isEvened) evened++;
      } catch {
        bad.push(file.webkitRelativePath || file.name);
      }
      if (choice !== this.#choice) return;
      if ((fitted.length + bad.length) % 50 === 0) {
        this.#filesStatus.textContent = `Reading ${fitted.length + bad.length} of ${files.length}…`;
      }
    }
    const size = fitted.length;
    const pixels = new Uint8ClampedArray(size * form.imageSize ** 2);
    fitted.forEach((each, i) => {
      pixels.set(each, i * form.imageSize ** 2);
    });
    const isEnough = size >= FEWEST_PICTURES;
    if (isEnough) this.#pictures = { kind: "pictures", pixels, size };
    this.#learnFiles.disabled = !isEnough;
    const left = files.length - size - bad.length;
    this.#filesStatus.textContent = filesInWords({ size, bad, left, inverted, evened, side: form.imageSize });
  }
}
