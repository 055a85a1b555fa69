/** Makes the functions callable from outside. */
import * as page from "./main.js";

Object.assign(globalThis, { page });
