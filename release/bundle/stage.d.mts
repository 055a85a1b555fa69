export interface BundleOptions {
  readonly out: string;
  readonly maxPiece: number;
  readonly asFolder?: boolean;
  readonly node?: string;
  readonly models?: readonly string[];
  readonly cuda?: string;
  readonly onnxruntime?: string;
  readonly libraries?: string;
  readonly mnist?: string;
  readonly say?: (line: string) => void;
}
export function bundle(options: BundleOptions): Promise<{
  readonly folder: string;
  readonly pieces: readonly { readonly name: string; readonly bytes: number }[];
}>;
