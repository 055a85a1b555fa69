import { beforeAll, describe, it } from "vitest";
import { oven } from "./table.js";

describe("a suite whose hook fails", () => {
  beforeAll(() => {
    throw new Error("the hook's own error");
  });
  it("is not reached", () => {});
});
oven.it("needs an oven", () => {});
