/** Tests how requirements are named and used; their effect on a run is tested with the reporter. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { requirements } from "./requirement.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const table = {
  oven: { missing: "there is no oven", remedy: "Buy one", installable: true, isMet: () => false },
  moon: { missing: "this is not the moon", remedy: "Fly there", installable: false, isMet: () => false },
};

it.each([undefined, "", " ", "oven", "moon,oven", " oven , ", "all", "all,moon"])(
  "may be required as %j",
  (required) => {
    expect(Object.keys(requirements(table, required))).toEqual(["oven", "moon"]);
  },
);

it.each(["ovens", "oven,ovens", "oven ovens", "toString"])("is not required by a name that is none: %j", (required) => {
  expect(() => requirements(table, required)).toThrow(
    /^AIR_ONNX_REQUIRE names \w+( ovens)?, which no test requires\. It may name: oven, moon, all\.$/,
  );
});

it("looks for nothing before a test asks", () => {
  const isMet = (): never => {
    throw new Error("looked");
  };
  const { lazy } = requirements({ lazy: { missing: "", remedy: "", installable: true, isMet } }, "all");
  expect(() => lazy.it("", () => {})).toThrow("looked");
});

it("is how every test is left out", () => {
  const folders = [
    join(root, "test"),
    ...readdirSync(join(root, "packages")).map((name) => join(root, "packages", name, "test")),
  ];
  const own = join(root, "test/requirements");
  const files = folders
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith(".ts") && !file.startsWith(own) && !file.includes("node_modules"));
  const bySkipping = files.filter((file) =>
    /\b(it|test|describe)\.(skip|skipIf|runIf|todo)\b/.test(readFileSync(file, "utf8")),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(bySkipping.map((file) => relative(root, file))).toEqual([]);
});
