export function parseSize(text: string): number;
export function packInPieces(
  folder: string,
  out: string,
  maxPiece: number,
): Promise<{ readonly name: string; readonly bytes: number }[]>;
