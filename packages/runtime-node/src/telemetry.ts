/**
 * Switches onnxruntime's telemetry off. Its Linux and macOS binaries report sessions and models to Microsoft unless this
 * variable is set before they are loaded (https://github.com/microsoft/onnxruntime/pull/27379), so this module must be
 * imported before onnxruntime-node. To allow telemetry, set the variable to 0.
 */
process.env.ORT_DISABLE_TELEMETRY ??= "1";
