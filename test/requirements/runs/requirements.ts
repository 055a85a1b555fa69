import { beforeEach, describe, expect, it } from "vitest";
import { flour, luck, moon, oven } from "./table.js";

const unreachable = (): never => expect.unreachable();

it("needs nothing", () => {});
flour.it("needs flour", { timeout: 1000 }, () => {});
flour.describe("with flour", () => {
  it("kneads", () => {});
});
oven.it("needs an oven", unreachable);
oven.describe("with an oven", () => {
  it("bakes bread", unreachable);
  describe("and sugar", () => {
    it.each([1, 2])("bakes cake %d", unreachable);
  });
});
moon.it("jumps high", { timeout: 1000 }, unreachable);
it("throws a six", (context) => {
  luck.check(context, true);
  luck.check(context, false, "die:\n  one");
  unreachable();
});
describe("with coins", () => {
  beforeEach((context) => luck.check(context, false, "coin: tails"));
  it("tosses one", unreachable);
  it("tosses another", unreachable);
});
