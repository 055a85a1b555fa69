/**
 * Prints the last lines of a run: the skipped tests with what would run them, and the numbers. A test that is skipped without
 * a requirement makes the run fail.
 */
import type { Reporter, TestCase, TestModule, TestRunEndReason, TestSpecification, Vitest } from "vitest/node";
import type { MissingRequirement } from "./requirement.js";

export class SkippedTestsReporter implements Reporter {
  #vitest: Vitest | undefined;
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    const { testNamePattern, tagsFilter } = this.#vitest!.config;
    this.#isFiltered =
      Boolean(testNamePattern || tagsFilter?.length) ||
      specifications.some((each) => each.testLines || each.testNamePattern || each.testIds);
  }

  onTestRunEnd(modules: readonly TestModule[], _errors: readonly unknown[], reason: TestRunEndReason): void {
    const { logger, config } = this.#vitest!;
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
    const skipped = inState("skipped");
    const lines = requirementLines(skipped.flatMap((test) => test.meta().requirement ?? []));
    const silent = skipped.filter((test) => test.meta().requirement === undefined);
    let isGood = reason === "passed";
    if (this.#isFiltered) {
      if (silent.length > 0) lines.push(`${count(silent)} skipped: the filter of this run leaves them out.`);
    } else if (isGood && silent.length > 0) {
      // In a failed run, tests may be skipped because an earlier failure prevented them.
      isGood = false;
      lines.push(
        `${count(silent)} skipped without a requirement, so this run fails. Name one of test/requirements, or run them:`,
        ...silent.map((test) => `  ${test.module.relativeModuleId} > ${test.fullName}`),
      );
      if (!config.watch) process.exitCode = 1;
    }
    if (isGood) {
      lines.push(`${inState("passed").length} passed, ${inState("failed").length} failed, ${skipped.length} skipped`);
    }
    if (lines.length > 0) logger.log(lines.join("\n"));
  }
}

/** Makes a line for each missing requirement: the number of skipped tests, what is missing, and what to do. */
function requirementLines(missed: readonly MissingRequirement[]): string[] {
  const groups = new Map<string, MissingRequirement[]>();
  for (const each of missed) groups.set(each.name, [...(groups.get(each.name) ?? []), each]);
  return [...groups.values()].map((group) => {
    const { missing, remedy } = group[0]!;
    const reasons = new Set(group.flatMap(({ reason }) => reason?.replaceAll(/\s+/g, " ") ?? []));
    const detail = reasons.size > 0 ? ` (${[...reasons].join("; ")})` : "";
    return `${count(group)} skipped: ${missing}${detail}. ${remedy}.`;
  });
}

const count = ({ length }: readonly unknown[]): string => `${length} ${length === 1 ? "test" : "tests"}`;
