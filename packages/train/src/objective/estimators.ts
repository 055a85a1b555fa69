/** Every estimator, by the name that a configuration calls it. */
import type { Estimator } from "./estimator.js";
import { marginal } from "./marginal.js";
import { nvil } from "./nvil.js";

export const estimators = { marginal, nvil } as const satisfies Record<string, Estimator>;
