/** The README's table of kernels is what the tracer supports. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { supportedKernels } from "../src/index.js";

test("the README lists exactly the supported kernels", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const section = readme.split("<!-- kernels -->")[1] ?? "";
  const listed = [...section.matchAll(/`(\w+)`/g)].map((match) => match[1]!);
  expect(listed.sort()).toEqual(supportedKernels());
});
