/**
 * Keeps a training and the model that it gave in the browser (IndexedDB), so that a reload goes on and the drawing page finds
 * the model. The worker writes, both pages read.
 */
import type { TrainerCheckpoint } from "@air-onnx/trainer";
import type { ModelEntry } from "./model-list.js";
import type { OwnImages } from "./own-images.js";

/** One evaluation of the training, for the curves. */
export interface CurvePoint {
  readonly step: number;
  /** Seconds of training up to there. */
  readonly seconds: number;
  /** Nats per image. */
  readonly elbo: number;
  /** Share of held-out images that are counted right; absent where no true count is known. */
  readonly accuracy?: number;
}

export interface KeptTraining {
  readonly checkpoint: TrainerCheckpoint;
  readonly curve: readonly CurvePoint[];
  /** Seconds of training. */
  readonly seconds: number;
  /** The visitor's own images that it learns from; absent for those that the page draws. */
  readonly images?: OwnImages | undefined;
}

export interface KeptModel {
  /** Contents of the model's folder by their paths. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly entry: ModelEntry;
}

interface Kept {
  readonly training: KeptTraining;
  /** The same training with the paper's estimator, for comparison. */
  readonly rival: KeptTraining;
  readonly model: KeptModel;
}

const DATABASE = "air-onnx-training";
const STORE = "kept";

/** @throws {Error} if the browser refuses, or has no room */
export async function keep<Key extends keyof Kept>(key: Key, value: Kept[Key]): Promise<void> {
  await withStore("readwrite", (store) => store.put(value, key));
}

/** What is kept under `key`; undefined if nothing is, or the browser keeps nothing. */
export async function kept<Key extends keyof Kept>(key: Key): Promise<Kept[Key] | undefined> {
  try {
    return (await withStore("readonly", (store) => store.get(key))) as Kept[Key] | undefined;
  } catch (error) {
    console.info("Nothing is read from this browser's storage:", error);
    return undefined;
  }
}

/** @throws {Error} if the browser refuses */
export async function forget(key: keyof Kept): Promise<void> {
  await withStore("readwrite", (store) => store.delete(key));
}

async function withStore<Result>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await answerOf(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([answerOf(work(transaction.objectStore(STORE))), done]);
    return result;
  } finally {
    database.close();
  }
}

function answerOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
