/** The estimators that a configuration can name. */
import type { Estimator } from "./estimator.js";
import { guided } from "./guided.js";
import { marginal } from "./marginal.js";
import { nvil } from "./nvil.js";
import { optimalCount } from "./optimal-count.js";

/** Every estimator, by its name in a configuration. */
export const estimators = { guided, marginal, nvil, "optimal-count": optimalCount } as const satisfies Record<
  string,
  Estimator
>;
