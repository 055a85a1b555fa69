/** Reads JSON files of run and sweep folders, which somebody else may have written or edited. */
import { parseJson } from "@air-onnx/core";
import { FileError, readWholeFileSync, reasonInWords } from "@air-onnx/scenes";

/**
 * Reads a JSON file of at most `maxBytes` bytes.
 *
 * @param unreadable makes the error for a file that cannot be read, of the reason
 * @throws {FileError} of kind `content` naming the file, if it is not JSON, nested too deep for recursive code, or has a key
 *   `__proto__`
 */
export function readJsonFile(
  file: string,
  { maxBytes, unreadable }: { readonly maxBytes: number; readonly unreadable: (cause: unknown) => unknown },
): unknown {
  let bytes: Uint8Array;
  try {
    bytes = readWholeFileSync(file, { maxBytes });
  } catch (cause) {
    throw unreadable(cause instanceof FileError ? cause.cause : cause);
  }
  try {
    return parseJson(bytes, file);
  } catch (cause) {
    throw new FileError(reasonInWords(cause), file, { kind: "content", cause });
  }
}
