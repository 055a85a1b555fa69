/** Where the training files are, and what the page calls the model that it trains. */

/** Folder of the training files, relative to the page. */
export const TRAINING = "training/strokes/";
/** Folder of those with the paper's own estimator, which is trained beside it for comparison. */
export const RIVAL_TRAINING = "training/strokes-nvil/";
/** Name of the model that a visitor trained, in links and in the list of models. */
export const TRAINED_NAME = "trained-here";
