/** Editor of a scene: objects can be selected, dragged, resized, copied, swapped and deleted. */
import { type AirConfig, boxFromZWhere, type DecodedScene, type SceneLatents } from "@air-onnx/core";
import { paintAsObject } from "./colours.js";
import { byId, makeSvg, resizeChildren, setAttributes, within } from "./elements.js";
import { showObjects } from "./object-list.js";
import { paintPlanes, placeLabel, placeRect } from "./picture-view.js";
import { deleteObject, duplicateObject, type Placement, placementOf, placeObject, swapPlaces } from "./scene-edit.js";
import { placeInWords, sideInWords } from "./words.js";

export interface SceneEvents {
  /** Called when the user has changed the scene; its drawing is expected at {@link SceneEditor.showDrawing}. */
  onEdit(scene: SceneLatents): void;
  onSelect(): void;
}

interface Drag {
  readonly index: number;
  readonly kind: "move" | "resize";
  readonly start: Placement;
  readonly x: number;
  readonly y: number;
}

/** Factor by which the keys + and - change the side. */
const RESIZE_STEP = 1.06;

export class SceneEditor {
  readonly #canvas = byId("scene", HTMLCanvasElement);
  readonly #svg = makeSvg("svg", { id: "scene-boxes", class: "overlay" });
  readonly #list = byId("scene-objects", HTMLElement);
  readonly #empty = byId("scene-empty", HTMLElement);
  readonly #buttons = {
    duplicate: byId("duplicate", HTMLButtonElement),
    delete: byId("delete", HTMLButtonElement),
    swap: byId("swap", HTMLButtonElement),
  };
  readonly #events: SceneEvents;
  #config: AirConfig | undefined;
  #scene: SceneLatents = { objects: [] };
  #patches: readonly (ArrayLike<number> | undefined)[] = [];
  #selected = 0;
  #drag: Drag | undefined;

  constructor(events: SceneEvents) {
    this.#events = events;
    this.#canvas.after(this.#svg);
    setAttributes(this.#svg, {
      role: "group",
      "aria-label":
        "Objects of the scene. Arrow keys move, plus and minus resize, Delete deletes, D duplicates, S swaps places",
    });
    this.#svg.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#svg.addEventListener("pointermove", (event) => this.#pull(event));
    const release = (): void => {
      this.#drag = undefined;
    };
    this.#svg.addEventListener("pointerup", release);
    this.#svg.addEventListener("pointercancel", release);
    this.#svg.addEventListener("keydown", (event) => this.#pressKey(event));
    this.#buttons.duplicate.addEventListener("click", () => this.#duplicate());
    this.#buttons.delete.addEventListener("click", () => this.#delete());
    this.#buttons.swap.addEventListener("click", () => this.#swap());
  }

  get scene(): SceneLatents {
    return this.#scene;
  }

  get selected(): number {
    return this.#selected;
  }

  /** Shows a scene that was not made in the editor, with its drawing if it has one. */
  show(scene: SceneLatents | DecodedScene, config: AirConfig): void {
    this.#config = config;
    this.#scene = { objects: scene.objects.map(({ zWhere, zWhat }) => ({ zWhere, zWhat })) };
    this.#patches = "reconstruction" in scene ? scene.objects.map(({ patch }) => patch) : [];
    if ("reconstruction" in scene) paintPlanes(this.#canvas, scene.reconstruction, config.channels);
    this.#render();
  }

  /** Shows the decoder's drawing of the latest edit. */
  showDrawing({ objects, reconstruction }: DecodedScene): void {
    if (!this.#config) return;
    paintPlanes(this.#canvas, reconstruction, this.#config.channels);
    this.#patches = objects.map(({ patch }) => patch);
    this.#render();
  }

  /** Changes the scene as an edit of the user. */
  edit(scene: SceneLatents, selected = this.#selected): void {
    this.#scene = scene;
    this.#selected = selected;
    this.#render();
    this.#events.onEdit(scene);
  }

  select(index: number): void {
    if (index === this.#selected) return;
    this.#selected = index;
    this.#render();
    this.#events.onSelect();
  }

  #render(): void {
    const config = this.#config;
    if (!config) return;
    const { imageSize, channels } = config;
    const { objects } = this.#scene;
    this.#selected = Math.max(0, Math.min(this.#selected, objects.length - 1));
    this.#empty.hidden = objects.length > 0;
    this.#buttons.duplicate.disabled = objects.length === 0;
    this.#buttons.delete.disabled = objects.length === 0;
    this.#buttons.swap.disabled = objects.length < 2;
    setAttributes(this.#svg, { viewBox: `0 0 ${imageSize} ${imageSize}` });
    const groups = resizeChildren(this.#svg, objects.length, () => makeBox());
    objects.forEach(({ zWhere }, i) => {
      const group = groups[i]!;
      const box = boxFromZWhere(zWhere, imageSize);
      paintAsObject(group, i);
      group.classList.toggle("selected", i === this.#selected);
      setAttributes(group, {
        "aria-label": `Object ${i + 1}, ${placeInWords(box, imageSize)}, ${sideInWords(box)} wide`,
        "aria-pressed": String(i === this.#selected),
      });
      placeRect(within(group, ".hit", SVGRectElement), box);
      placeRect(within(group, ".outline", SVGRectElement), box);
      const reach = imageSize * 0.022;
      // Keeps the handle inside the image where the box's corner is outside.
      const [x, y] = [Math.min(box.xmax, imageSize - reach), Math.min(box.ymax, imageSize - reach)];
      placeRect(within(group, ".handle", SVGRectElement), {
        xmin: x - reach,
        ymin: y - reach,
        xmax: x + reach,
        ymax: y + reach,
      });
      placeLabel(within(group, "text", SVGTextElement), box, i, imageSize);
    });
    showObjects(
      this.#list,
      objects.map(({ zWhere }, i) => ({
        box: boxFromZWhere(zWhere, imageSize),
        patch: this.#patches[i],
        presence: 1,
      })),
      { imageSize, channels, selected: this.#selected, onSelect: (index) => this.select(index) },
    );
  }

  #grab(event: PointerEvent): void {
    const target = event.target as Element;
    const group = target.closest(".object");
    if (!group || !this.#config || event.button !== 0) return;
    const index = Array.from(this.#svg.children).indexOf(group);
    event.preventDefault();
    (group as SVGGElement).focus({ preventScroll: true });
    this.select(index);
    this.#svg.setPointerCapture(event.pointerId);
    const start = placementOf(this.#scene.objects[index]!.zWhere, this.#config.imageSize);
    const kind = target.classList.contains("handle") ? "resize" : "move";
    this.#drag = { index, kind, start, ...this.#pointOf(event) };
  }

  #pull(event: PointerEvent): void {
    if (!this.#drag || !this.#config) return;
    const { index, kind, start, x, y } = this.#drag;
    const to = this.#pointOf(event);
    const [dx, dy] = [to.x - x, to.y - y];
    const placement =
      kind === "move"
        ? { ...start, x: start.x + dx, y: start.y + dy }
        : // The centre stays fixed, so the corner moves by half of the side's change.
          { ...start, side: start.side + dx + dy };
    this.edit(placeObject(this.#scene, index, placement, this.#config.imageSize));
  }

  #pointOf(event: PointerEvent): { x: number; y: number } {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    const side = this.#config?.imageSize ?? 1;
    return { x: ((event.clientX - left) / width) * side, y: ((event.clientY - top) / height) * side };
  }

  #pressKey(event: KeyboardEvent): void {
    const group = (event.target as Element).closest(".object");
    if (!group || !this.#config || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = Array.from(this.#svg.children).indexOf(group);
    if (this.#selected !== index) this.select(index);
    const { imageSize } = this.#config;
    const placement = placementOf(this.#scene.objects[index]!.zWhere, imageSize);
    const place = (change: Partial<Placement>) =>
      this.edit(placeObject(this.#scene, index, { ...placement, ...change }, imageSize));
    const stride = event.shiftKey ? 5 : 1;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => place({ x: placement.x - stride }),
      ArrowRight: () => place({ x: placement.x + stride }),
      ArrowUp: () => place({ y: placement.y - stride }),
      ArrowDown: () => place({ y: placement.y + stride }),
      "+": () => place({ side: placement.side * RESIZE_STEP }),
      "=": () => place({ side: placement.side * RESIZE_STEP }),
      "-": () => place({ side: placement.side / RESIZE_STEP }),
      Delete: () => this.#delete(),
      Backspace: () => this.#delete(),
      d: () => this.#duplicate(),
      s: () => this.#swap(),
      Enter: () => this.select(index),
      " ": () => this.select(index),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #duplicate(): void {
    if (!this.#config || this.#scene.objects.length === 0) return;
    const copied = duplicateObject(this.#scene, this.#selected, this.#config.imageSize);
    this.#patches = [...this.#patches, this.#patches[this.#selected]];
    this.edit(copied, copied.objects.length - 1);
    this.#events.onSelect();
  }

  #delete(): void {
    if (this.#scene.objects.length === 0) return;
    const focused = this.#svg.contains(document.activeElement);
    this.#patches = this.#patches.filter((_, i) => i !== this.#selected);
    this.edit(deleteObject(this.#scene, this.#selected));
    this.#events.onSelect();
    if (focused) (this.#svg.children[this.#selected] as SVGGElement | undefined)?.focus();
  }

  /** Swaps the selected object with the next one, the last with the first. */
  #swap(): void {
    const { length } = this.#scene.objects;
    if (length < 2) return;
    this.edit(swapPlaces(this.#scene, this.#selected, (this.#selected + 1) % length));
  }
}

function makeBox(): SVGGElement {
  const group = makeSvg(
    "g",
    { class: "object", tabindex: 0, role: "button" },
    makeSvg("rect", { class: "hit" }),
    makeSvg("rect", { class: "outline" }),
    makeSvg("text", { class: "label" }),
    makeSvg("rect", { class: "handle" }),
  );
  return group;
}
