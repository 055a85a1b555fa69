export * from "./attention-record.js";
export * from "./attention-sheet.js";
export * from "./picture.js";
export * from "./png.js";
export * from "./scene-picture.js";
