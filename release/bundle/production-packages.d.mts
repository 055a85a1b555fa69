export class BundleError extends Error {}
export function productionPackages(entry: string): { readonly name: string; readonly folder: string }[];
