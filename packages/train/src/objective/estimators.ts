/** Every estimator, by the name that a configuration calls it. */
import type { Estimator } from "./estimator.js";
import { marginal } from "./marginal.js";

export const estimators = { marginal } as const satisfies Record<string, Estimator>;
