export * from "./config.js";
export * from "./count.js";
export * from "./graphs.js";
export * from "./manifest.js";
export * from "./random.js";
export * from "./where.js";
