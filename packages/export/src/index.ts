export { type ExportOptions, exportModel, type TrainedModel } from "./export-model.js";
export { encodeGraphs, traceGraph } from "./graphs.js";
export { type CardDetails, modelCard } from "./model-card.js";
export { checkParity, type ParityOptions, type ParityReport, type ParityRow } from "./parity.js";
