/**
 * Requirements of tests that not every machine fulfils. A test without its requirement is skipped, and the last lines of the
 * run say how many are skipped and what would run them (see reporter.ts). If AIR_ONNX_REQUIRE names the requirement, the test
 * fails instead.
 */
import { describe, it, type SuiteFactory, type TestContext, type TestFunction, type TestOptions } from "vitest";

/** The missing requirement of a skipped test, which its `meta` carries to the reporter. */
export interface MissingRequirement {
  readonly name: string;
  /** The missing thing, as in "no Chromium was found". */
  readonly missing: string;
  /** How to make these tests run: a sentence without its full stop. */
  readonly remedy: string;
  /** Further details from the test itself. */
  readonly reason?: string;
}

declare module "vitest" {
  interface TaskMeta {
    requirement?: MissingRequirement;
  }
}

export interface RequirementDefinition {
  readonly missing: string;
  readonly remedy: string;
  /** Whether every machine can fulfil it; then `AIR_ONNX_REQUIRE=all` includes it. */
  readonly installable: boolean;
  /** Looks for the requirement; absent if only the test itself can find out. */
  readonly isMet?: () => boolean;
}

/** A requirement that is checked before the tests run. */
export interface Requirement {
  /** vitest's `it`, skipped where the requirement is missing. */
  it(name: string, test: TestFunction): void;
  it(name: string, options: TestOptions, test: TestFunction): void;
  /** vitest's `describe`, skipped where the requirement is missing. */
  describe(name: string, tests: SuiteFactory): void;
}

/** A requirement that the tests check themselves. */
export interface RunTimeRequirement {
  /**
   * Skips the test of `context` unless `isMet`; can also be called in a `beforeEach`.
   *
   * @param reason why the requirement is not met, if the test knows
   * @throws {Error} if it is not met but required
   */
  check(context: TestContext, isMet: boolean, reason?: string): void;
}

type Definitions = Readonly<Record<string, RequirementDefinition>>;
type Requirements<Table extends Definitions> = {
  readonly [Name in keyof Table]: Table[Name] extends { isMet: () => boolean } ? Requirement : RunTimeRequirement;
};

/**
 * Makes the requirements of a table of definitions.
 *
 * @param required value of AIR_ONNX_REQUIRE: names with commas between them, or `all`
 * @throws {Error} if `required` has a name that is not in the table
 */
export function requirements<const Table extends Definitions>(
  table: Table,
  required: string | undefined,
): Requirements<Table> {
  const names = requiredNames(table, required);
  const made = Object.entries<RequirementDefinition>(table).map(([name, { isMet, missing, remedy }]) => {
    const requirement = { name, missing, remedy };
    return [name, isMet ? known(requirement, isMet, names.has(name)) : foundOut(requirement, names.has(name))];
  });
  return Object.fromEntries(made) as Requirements<Table>;
}

function requiredNames(table: Definitions, required = ""): ReadonlySet<string> {
  const names = required
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  const unknown = names.filter((name) => name !== "all" && !Object.hasOwn(table, name));
  if (unknown.length > 0) {
    const known = [...Object.keys(table), "all"].join(", ");
    throw new Error(`AIR_ONNX_REQUIRE names ${unknown.join(", ")}, which no test requires. It may name: ${known}.`);
  }
  return new Set(
    names.flatMap((name) => (name === "all" ? Object.keys(table).filter((each) => table[each]!.installable) : [name])),
  );
}

function known(requirement: MissingRequirement, isMet: () => boolean, isRequired: boolean): Requirement {
  const fail = (): never => {
    throw requiredError(requirement);
  };
  const meta = { requirement };
  return {
    it(name: string, ...rest: [test: TestFunction] | [options: TestOptions, test: TestFunction]): void {
      const [options, test] = rest.length === 1 ? [{}, rest[0]] : rest;
      if (isMet()) it(name, options, test);
      else if (isRequired) it(name, options, fail);
      // Skipped with its requirement, which the reporter prints and counts.
      else it.skip(name, { ...options, meta }, test);
    },
    describe(name: string, tests: SuiteFactory): void {
      if (isMet()) describe(name, tests);
      else if (isRequired) describe(name, () => it(`requires ${requirement.name}`, fail));
      // All tests of the suite are skipped with the requirement, which the reporter prints and counts.
      else describe.skip(name, { meta }, tests);
    },
  };
}

function foundOut(requirement: MissingRequirement, isRequired: boolean): RunTimeRequirement {
  return {
    check(context: TestContext, isMet: boolean, reason?: string): void {
      if (isMet) return;
      const missing = reason === undefined ? requirement : { ...requirement, reason };
      if (isRequired) throw requiredError(missing);
      context.task.meta.requirement = missing;
      context.skip(reason);
    },
  };
}

function requiredError({ name, missing, remedy, reason }: MissingRequirement): Error {
  const detail = reason === undefined ? "" : ` (${reason})`;
  return new Error(`AIR_ONNX_REQUIRE asks for ${name}, but ${missing}${detail}. ${remedy}.`);
}
