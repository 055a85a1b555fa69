/** Where the training files are, and what the page calls the model that it trains. */

/** Folder of the training files, relative to the page. */
export const TRAINING = "training/strokes/";
/** Name of the model that a visitor trained, in links and in the list of models. */
export const TRAINED_NAME = "trained-here";
