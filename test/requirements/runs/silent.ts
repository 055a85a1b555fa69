/** Tests that are skipped without a requirement: the reporter must fail the run, see reporter.test.ts. */
import { describe, it } from "vitest";

it("runs", () => {});
// Skipped so that the reporter has something to fail for.
it.skip("is skipped", () => {});
it.todo("is planned");
it("leaves", (context) => context.skip("no reason that anyone knows"));
// Skipped so that the reporter has a whole suite to fail for.
describe.skip("a skipped suite", () => {
  it("of one test", () => {});
});
