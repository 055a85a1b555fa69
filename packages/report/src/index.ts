/** Pages of HTML and Markdown about training runs, sweeps and measurements. */

export type { ChartPoint, LineChart, Series } from "./html/line-chart.js";
export { type Insert, type Markup, markup } from "./html/markup.js";
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
} from "./html/page.js";
export { confusionPicture } from "./measurement/confusion-picture.js";
export { type MeasurementRecord, measurementReport, type ReportPictures } from "./measurement/measurement-report.js";
export { drawModelScenes } from "./measurement/model-scenes.js";
export { reliabilityPicture } from "./measurement/reliability-picture.js";
export { worstSheet } from "./measurement/worst-sheet.js";
export { isExportedModel } from "./run/exported-model.js";
export { learningCurves, type RunRecords } from "./run/learning-curves.js";
export type { ReportOptions } from "./run/report-options.js";
export { runReport } from "./run/run-report.js";
export { findRuns } from "./run/runs.js";
export { severalRunsReport } from "./run/several-runs-report.js";
