/** The page: opens a model, infers the drawing whenever it changes, and lets the scene be edited. */
import { type AirConfig, priorWindow, type SceneLatents, zoomOut } from "@air-onnx/core";
import { clearAlert, showAlert, showUncaught } from "./alerts.js";
import { compareDevices } from "./comparison.js";
import { DrawingSurface } from "./drawing-surface.js";
import { byId, make } from "./elements.js";
import { fitImage } from "./image-fit.js";
import { listenForPictures, readPicture } from "./image-source.js";
import { Keeping } from "./keeping.js";
import { LatestOnly } from "./latest-only.js";
import type { ModelEntry } from "./model-list.js";
import { ModelLoading, type Opened } from "./model-loading.js";
import { listModels, openEntry, served } from "./offered-models.js";
import { onceControlled, startOffline } from "./offline.js";
import { PageAddress } from "./page-address.js";
import {
  decodeRaster,
  decodeScene,
  encodeRaster,
  encodeScene,
  type Permalink,
  readPermalink,
  snapScene,
} from "./permalink.js";
import { blankRaster, canvasFromRaster, copyRaster, type Raster, rasterFromCanvas } from "./raster.js";
import { Reading } from "./reading.js";
import { replaceObject } from "./scene-edit.js";
import { SceneEditor } from "./scene-editor.js";
import { StoryView } from "./story-view.js";
import { firstExample, Suggestions } from "./suggestions.js";
import { type Inference, inferWithSteps } from "./trace.js";
import { WhatWalk } from "./what-walk.js";
import { aboutModel, bytesInWords, fittingInWords, zoomInWords } from "./words.js";

/** Inferences after a model is opened, of which the first is slower. */
const WARM_UP = 4;
/** Time without a change after which the link and the walk through z_what are updated, ms. */
const REST = 350;

/** Time without a change after which the drawing is inferred at several zooms, ms. */
const ZOOM_REST = 200;

class Page {
  readonly #modelSelect = byId("model", HTMLSelectElement);
  readonly #follow = byId("follow", HTMLButtonElement);
  readonly #dreamCount = byId("dream-count", HTMLInputElement);
  readonly #compare = byId("compare", HTMLButtonElement);
  readonly #about = byId("about-model", HTMLElement);
  readonly #keeping = new Keeping();
  readonly #note = byId("picture-note", HTMLElement);
  readonly #reading = new Reading();
  readonly #story = new StoryView();
  readonly #surface = new DrawingSurface(() => this.#drawingChanged());
  readonly #editor = new SceneEditor({
    onEdit: (scene) => this.#sceneEdited(scene),
    onSelect: () => this.#openWalk(),
  });
  readonly #walk = new WhatWalk((zWhat) => {
    this.#editor.edit(replaceObject(this.#editor.scene, this.#editor.selected, { zWhat }));
  }, showAlert);
  readonly #inferring = new LatestOnly<Raster>((raster) => this.#infer(raster), showAlert);
  readonly #zooming = new LatestOnly<Inference>((inference) => this.#zoom(inference), showAlert);
  readonly #decoding = new LatestOnly<SceneLatents>((scene) => this.#decode(scene), showAlert);
  readonly #loading = new ModelLoading(() => {
    clearAlert();
    if (this.#entry) this.#run(this.#loadModel(this.#entry).then(() => undefined));
  });
  readonly #suggestions = new Suggestions({
    opened: () => this.#opened,
    onChoose: (raster) => this.#surface.replace(raster),
  });
  readonly #address = new PageAddress(() => this.#state());

  #models: readonly ModelEntry[] = [];
  #entry: ModelEntry | undefined;
  #inference: Inference | undefined;
  /** Whether the user has edited the scene, so that it is no longer the inferred one. */
  #edited = false;
  #rest: ReturnType<typeof setTimeout> | undefined;
  /** Starts inference at several zooms once the drawing rests. */
  #zoomRest: ReturnType<typeof setTimeout> | undefined;

  /** The model that is open. It is not that of the form which is shown while another one loads. */
  get #opened(): Opened | undefined {
    return this.#loading.opened;
  }

  async start(): Promise<void> {
    this.#listen();
    await startOffline();
    this.#models = await listModels();
    this.#modelSelect.replaceChildren(
      ...this.#models.map(({ name, title, bytes }) =>
        make("option", { value: name, textContent: title, title: `${name}, ${bytesInWords(bytes)}` }),
      ),
    );
    onceControlled(() => {
      this.#keeping.offer();
      this.#keeping.keepRuntime(this.#opened?.model.device);
    });
    await this.#followLink();
  }

  #listen(): void {
    this.#modelSelect.addEventListener("change", () => {
      const entry = this.#models.find(({ name }) => name === this.#modelSelect.value);
      clearAlert();
      if (entry) this.#run(this.#openModel(entry, {}));
    });
    addEventListener("hashchange", () => {
      clearAlert();
      this.#run(this.#followLink());
    });
    this.#follow.addEventListener("click", () => this.#followInference());
    byId("dream", HTMLButtonElement).addEventListener("click", () => this.#run(this.#dream()));
    byId("feed-back", HTMLButtonElement).addEventListener("click", () => this.#run(this.#lookAtScene()));
    this.#compare.addEventListener("click", () => this.#run(this.#compareDevices()));
    const keepModels = (): void =>
      this.#run(this.#keeping.keepModels(served(this.#models), this.#opened?.model.device ?? "wasm"));
    this.#keeping.button.addEventListener("click", keepModels);
    // An installed page should work offline with all models.
    addEventListener("appinstalled", keepModels);
    listenForPictures(byId("upload", HTMLButtonElement), byId("file", HTMLInputElement), (file) =>
      this.#run(this.#openPicture(file)),
    );
  }

  /** Runs work that a user started, and shows its failure. */
  #run(work: Promise<void>): void {
    work.catch(showAlert);
  }

  async #followLink(): Promise<void> {
    const link = readPermalink(location.hash);
    const linked = link.model === undefined ? this.#models[0] : this.#models.find(({ name }) => name === link.model);
    if (!linked) {
      showAlert(`This link is for the model “${link.model}”, which this copy of the page does not have.`);
    }
    await this.#openModel(linked ?? this.#models[0]!, linked ? link : {});
  }

  /** Switches to the model's form of images at once, and to the model when it is loaded. */
  async #openModel(entry: ModelEntry, link: Permalink): Promise<void> {
    const before = this.#opened && { entry: this.#opened.entry, raster: copyRaster(this.#surface.raster) };
    await this.#showForm(entry, link.image);
    if (this.#entry !== entry) return;
    const isOpen = await this.#loadModel(entry);
    if (this.#entry === entry && !isOpen && before && this.#opened?.entry === before.entry) {
      // One model's name must not stand over another's answers.
      await this.#showForm(before.entry, encodeRaster(before.raster));
      this.#surface.setObjectSide(objectSide(this.#opened.model.config));
      this.#drawingChanged();
      return;
    }
    const config = this.#opened?.model.config;
    if (this.#entry !== entry || !config || link.scene === undefined) return;
    const scene = readOrSay(() => decodeScene(link.scene!, config));
    if (!scene) return;
    await this.#inferring.idle();
    this.#editor.show(scene, config);
    this.#sceneEdited(scene);
    this.#openWalk();
  }

  /** Shows what is known of a model before it is loaded: the form of its images, its examples, and a drawing. */
  async #showForm(entry: ModelEntry, image: string | undefined): Promise<void> {
    this.#entry = entry;
    this.#modelSelect.value = entry.name;
    this.#about.textContent = aboutModel(entry);
    this.#inference = undefined;
    this.#edited = false;
    this.#follow.hidden = true;
    this.#note.textContent = "";
    this.#reading.reserve(entry.maxSteps);
    this.#story.reserve(entry.maxSteps);
    this.#dreamCount.value = String(entry.maxSteps);
    const samples = await this.#suggestions.fetch(entry);
    if (this.#entry !== entry) return;
    const linked = image === undefined ? undefined : readOrSay(() => decodeRaster(image, entry));
    const raster = linked ?? firstExample(samples) ?? blankRaster(entry);
    this.#surface.open({ ...entry, objectSide: entry.imageSize / 3 }, copyRaster(raster));
    this.#surface.setStamps(samples.stamps);
    this.#suggestions.show(samples);
  }

  /** Returns whether the model is open now; it is not if the user chose another meanwhile. */
  async #loadModel(entry: ModelEntry): Promise<boolean> {
    const isOpen = await this.#loading.open(entry);
    if (isOpen && this.#opened) {
      const { config, device } = this.#opened.model;
      this.#surface.setObjectSide(objectSide(config));
      this.#keeping.keepRuntime(device);
      this.#run(this.#warmUp().then(() => this.#suggestions.showDreams()));
    }
    return isOpen;
  }

  /** Infers the drawing several times; the first, slower inference does not count for the pace that is shown. */
  async #warmUp(): Promise<void> {
    for (let round = 0; round < WARM_UP; round++) {
      this.#inferring.submit(copyRaster(this.#surface.raster));
      await this.#inferring.idle();
      if (round === 0) this.#loading.pace.clear();
    }
  }

  #drawingChanged(): void {
    this.#note.textContent = "";
    clearTimeout(this.#zoomRest);
    this.#zooming.cancel();
    if (this.#opened?.entry === this.#entry) this.#inferring.submit(copyRaster(this.#surface.raster));
    this.#afterRest();
  }

  async #infer(raster: Raster): Promise<void> {
    const opened = this.#opened;
    if (!opened || opened.entry !== this.#entry) return;
    const { model } = opened;
    const start = performance.now();
    const inference = await inferWithSteps(model, canvasFromRaster(raster));
    // Another model may have been chosen meanwhile, whose drawing has another form.
    if (this.#opened !== opened || this.#entry !== opened.entry) return;
    this.#loading.pace.add(start, performance.now());
    this.#showInference(inference, model.config);
    clearTimeout(this.#zoomRest);
    if (canZoom(model.config)) this.#zoomRest = setTimeout(() => this.#zooming.submit(inference), ZOOM_REST);
  }

  /**
   * Infers the drawing at several zooms, for objects larger than those of training, and shows what is found if it is another
   * count. The story then tells the steps on the smaller drawing.
   */
  async #zoom(inference: Inference): Promise<void> {
    const opened = this.#opened;
    if (!opened || this.#inference !== inference) return;
    const { model } = opened;
    const [scene] = await model.infer(inference.image, { prune: false, zoom: "auto" });
    // Another model may have been opened meanwhile, and this one disposed of.
    if (this.#opened !== opened || this.#inference !== inference) return;
    if (!scene?.zoom || scene.zoom === 1 || scene.count === inference.scene.count) return;
    const story = await inferWithSteps(model, zoomOut(inference.image, scene.zoom, model.config));
    if (this.#opened !== opened || this.#inference !== inference) return;
    this.#showInference({ ...inference, scene }, model.config, story);
    this.#note.textContent = [this.#note.textContent, zoomInWords(scene.zoom)].filter(Boolean).join(" ");
  }

  #showInference(inference: Inference, config: AirConfig, story = inference): void {
    const { scene } = inference;
    this.#inference = inference;
    this.#reading.show(inference, config);
    this.#story.show(story, config);
    this.#surface.showObjects(scene.objects);
    if (!this.#edited) {
      this.#editor.show(scene, config);
      this.#afterRest();
    }
  }

  #followInference(): void {
    this.#edited = false;
    this.#follow.hidden = true;
    this.#decoding.cancel();
    if (this.#inference && this.#opened) this.#editor.show(this.#inference.scene, this.#opened.model.config);
    this.#openWalk();
    this.#afterRest();
  }

  #sceneEdited(scene: SceneLatents): void {
    this.#edited = true;
    this.#follow.hidden = false;
    this.#decoding.submit(scene);
    this.#afterRest();
  }

  async #decode(scene: SceneLatents): Promise<void> {
    const opened = this.#opened;
    const [drawn] = (await opened?.model.decode([scene])) ?? [];
    if (drawn && this.#opened === opened && this.#edited && this.#editor.scene.objects.length === drawn.count) {
      this.#editor.showDrawing(drawn);
    }
  }

  #openWalk(): void {
    const opened = this.#opened;
    const { scene, selected } = this.#editor;
    const object = scene.objects[selected];
    if (!opened || !object) {
      this.#walk.open(undefined);
      return;
    }
    const { model } = opened;
    this.#walk.open({
      object,
      others: scene.objects.filter((_, i) => i !== selected),
      config: model.config,
      decode: (scenes) => model.decode(scenes),
    });
  }

  async #dream(): Promise<void> {
    const opened = this.#opened;
    if (!opened) return;
    const seed = Math.floor(Math.random() * 2 ** 32);
    const wanted = this.#dreamCount.valueAsNumber;
    const count = Number.isNaN(wanted) ? undefined : Math.min(Math.max(Math.round(wanted), 0), 9);
    // The prior of training expects hardly any objects; the fitted one expects as many as the data has.
    const presencePrior = opened.model.manifest.metrics.presencePriorFitted;
    const [scene] = await opened.model.sample(1, { seed, count, presencePrior });
    if (!scene || this.#opened !== opened) return;
    const { config } = opened.model;
    this.#editor.show(snapScene(scene, config), config);
    this.#sceneEdited(this.#editor.scene);
    this.#openWalk();
  }

  async #lookAtScene(): Promise<void> {
    const opened = this.#opened;
    const [drawn] = (await opened?.model.decode([this.#editor.scene])) ?? [];
    if (!drawn || !opened || opened.entry !== this.#entry) return;
    this.#surface.replace(rasterFromCanvas(drawn.reconstruction, opened.entry));
    byId("surface", HTMLElement).scrollIntoView({ block: "center" });
  }

  async #openPicture(file: File): Promise<void> {
    const entry = this.#entry;
    if (!entry) return;
    const picture = await readPicture(file);
    clearAlert();
    if (this.#entry !== entry) return;
    const fitted = fitImage(picture, entry);
    this.#surface.replace(fitted.raster);
    this.#note.textContent = fittingInWords(fitted);
  }

  async #compareDevices(): Promise<void> {
    const opened = this.#opened;
    if (!opened) throw new Error("There is no model to compare on yet.");
    this.#compare.disabled = true;
    try {
      const { examples } = this.#suggestions;
      const images = examples.length > 0 ? examples : [this.#surface.raster];
      await compareDevices((device) => openEntry(opened.entry, { device }), images);
    } finally {
      this.#compare.disabled = false;
    }
  }

  /** Updates the link and the walk through z_what once the user pauses; they need not follow every change. */
  #afterRest(): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      if (!this.#edited) this.#openWalk();
      this.#address.writeIfChanged();
    }, REST);
    this.#address.changed();
  }

  /** The model, the drawing, and the scene if it was edited. */
  #state(): Permalink | undefined {
    const entry = this.#entry;
    if (!entry) return undefined;
    return {
      model: entry.name,
      image: encodeRaster(this.#surface.raster),
      ...(this.#edited ? { scene: encodeScene(this.#editor.scene) } : {}),
    };
  }
}

function canZoom({ likelihood }: AirConfig): boolean {
  return likelihood.type === "gaussian";
}

/** Side of the window at the mean of the model's prior, pixels. */
function objectSide(config: AirConfig): number {
  const [s] = priorWindow(config);
  return config.imageSize / Math.max(s, 1);
}

/** Reads a part of a link; shows an alert and returns undefined if it is damaged. */
function readOrSay<Content>(read: () => Content): Content | undefined {
  try {
    return read();
  } catch (error) {
    showAlert(`A part of this link could not be read: ${error instanceof Error ? error.message : String(error)}.`);
    return undefined;
  }
}

showUncaught();
new Page().start().catch(showAlert);
