/** Gives the tests their functions. */
import * as page from "./main.js";

Object.assign(globalThis, { page });
