/** A package of a model. */
export interface ModelPackage {
  readonly folder: string;
  readonly cwd: string;
  readonly manifest: { readonly name: string; readonly version: string };
}
export function shippedModels(): Promise<string[]>;
export function writeModelPackages(folder: string, models: readonly string[]): Promise<ModelPackage[]>;
export function packModels(destination: string, models: readonly string[]): Promise<string[]>;
