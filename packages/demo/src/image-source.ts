/** Pictures from outside the page: a chosen file, the clipboard, one dropped onto the page. */
import type { RgbaPicture } from "./image-fit.js";

/** The file is not a picture, or not one that this browser reads. */
export class PictureFileError extends Error {
  override name = "PictureFileError";
}

/** Longest side of a picture, pixels. Larger pictures are shrunk while they are read: the model takes far fewer pixels. */
const LONGEST_SIDE = 1024;

/** @throws {PictureFileError} with a message for the user */
export async function readPicture(file: Blob & { readonly name?: string }): Promise<RgbaPicture> {
  const name = file.name ? `“${file.name}”` : "What was pasted";
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (cause) {
    throw new PictureFileError(
      `${name} is not an image that this browser can read, or it is broken or too large. Try a PNG or a JPEG.`,
      { cause },
    );
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new PictureFileError("This browser gives the page no canvas to read images with.");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** Calls `onFile` with every file that the user opens, pastes or drops. */
export function listenForPictures(
  button: HTMLButtonElement,
  input: HTMLInputElement,
  onFile: (file: File) => void,
): void {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) onFile(file);
    // Otherwise choosing the same file again would not be a change.
    input.value = "";
  });
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
  const isFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
}
