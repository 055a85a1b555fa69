/** Makes the functions of main.ts available to the tests. */
import * as page from "./main.js";

Object.assign(globalThis, { page });
