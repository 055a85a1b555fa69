/** A module hook of Node's: see loading.test.ts. */
import { appendFileSync } from "node:fs";

export async function resolve(specifier, context, next) {
  const isPackage = !/^[./]|^(node|file|data):/.test(specifier);
  if (isPackage) appendFileSync(process.env.AIR_ONNX_TEST_IMPORTS, `${specifier}\n`);
  return await next(specifier, context);
}
