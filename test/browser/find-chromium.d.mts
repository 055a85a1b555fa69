/** What to do about it, in one sentence without a full stop. */
export const howToGetOne: string;

/**
 * The path of a Chromium, `undefined` if there is none.
 *
 * @throws {Error} if AIR_ONNX_CHROMIUM names a file that does not exist
 */
export function findChromium(): string | undefined;
