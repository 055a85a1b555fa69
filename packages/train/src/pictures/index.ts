export * from "./picture.js";
export * from "./png.js";
export * from "./scene-picture.js";
