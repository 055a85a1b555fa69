/** The estimators that a configuration can name. */
import type { Estimator } from "./estimator.js";
import { marginal } from "./marginal.js";
import { nvil } from "./nvil.js";

/** Every estimator, by its name in a configuration. */
export const estimators = { marginal, nvil } as const satisfies Record<string, Estimator>;
