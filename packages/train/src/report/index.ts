export { learningCurves, type RunRecords } from "./learning-curves.js";
export { type Insert, type Markup, markup } from "./markup.js";
export {
  chartFigures,
  codeBlock,
  confusionTable,
  dataTable,
  disclosure,
  htmlPage,
  type Page,
  type PageSection,
  pictureFigure,
  sideBySideBlocks,
} from "./page.js";
