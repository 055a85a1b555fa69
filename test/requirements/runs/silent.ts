/** Tests that are skipped without a requirement: the reporter must fail the run, see reporter.test.ts. */
import { describe, it } from "vitest";

it("runs", () => {});
it.skip("is skipped", () => {});
it.todo("is planned");
it("leaves", (context) => context.skip("no reason that anyone knows"));
describe.skip("a skipped suite", () => {
  it("of one test", () => {});
});
