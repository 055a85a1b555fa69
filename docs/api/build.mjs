/**
 * Builds the API pages of every public package into docs/api/site. Fails on a warning of TypeDoc, and where a package has a
 * public symbol without a comment or mentions a type that it does not export.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, Logger, LogLevel, ReflectionKind } from "typedoc";

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));

const SYMBOLS =
  ReflectionKind.Variable |
  ReflectionKind.Function |
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Property |
  ReflectionKind.Method |
  ReflectionKind.Accessor;

/** Prints warnings and errors, and keeps them. */
class StrictLogger extends Logger {
  faults = [];

  constructor() {
    super();
    this.level = LogLevel.Warn;
  }

  log(message, level) {
    if (level < LogLevel.Warn) return;
    this.faults.push(message);
    console.error(message);
  }
}

/** Keeps warnings, which may be allowed; prints errors. */
class CountingLogger extends StrictLogger {
  warnings = [];

  log(message, level) {
    if (level === LogLevel.Warn) this.warnings.push(message);
    else super.log(message, level);
  }
}

const readJson = async (path) => JSON.parse(await readFile(path, "utf8"));

/** The public packages, each with the sources of the entries in its `exports`. */
async function publicPackages() {
  const { workspaces } = await readJson(join(root, "package.json"));
  const manifests = await Promise.all(workspaces.map((folder) => readJson(join(root, folder, "package.json"))));
  return manifests.flatMap((manifest, i) => {
    if (manifest.private) return [];
    const folder = join(root, workspaces[i]);
    const entryPoints = Object.values(manifest.exports)
      .filter((entry) => typeof entry === "object")
      .map(({ types }) => join(folder, types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts")));
    return [{ folder, name: manifest.name, entryPoints }];
  });
}

const signaturesOf = (reflection) => [
  ...(reflection.signatures ?? []),
  ...(reflection.type?.type === "reflection" ? (reflection.type.declaration.signatures ?? []) : []),
  ...(reflection.getSignature ? [reflection.getSignature] : []),
];

const isInTypeLiteral = ({ parent }) =>
  parent !== undefined && (parent.kindOf(ReflectionKind.TypeLiteral) || isInTypeLiteral(parent));

/** Full names of the public symbols that have no comment. What overrides a base class's member needs none of its own. */
function uncommented(project) {
  return project
    .getReflectionsByKind(SYMBOLS)
    .filter((reflection) => !reflection.overwrites && !reflection.inheritedFrom && !isInTypeLiteral(reflection))
    .filter((reflection) => ![reflection, ...signaturesOf(reflection)].some((each) => each.hasComment()))
    .map((reflection) => reflection.getFullName());
}

let failed = false;
const converted = [];
for (const { folder, name, entryPoints } of await publicPackages()) {
  const app = await Application.bootstrap({
    name,
    entryPoints,
    tsconfig: join(folder, "tsconfig.json"),
    basePath: folder,
    readme: join(folder, "README.md"),
    excludeExternals: true,
    excludeInternal: true,
    disableSources: true,
    // The type of this schema would be pages long; what it accepts is `TrainConfig`.
    intentionallyNotExported: name === "@air-onnx/train" ? ["trainConfigSchema"] : [],
    // Links are checked when all packages are together. READMEs link to folders, which a site has not.
    validation: { notExported: true, invalidLink: false, invalidPath: false, notDocumented: false },
  });
  const logger = new CountingLogger();
  app.logger = logger;
  const project = await app.convert();
  if (!project) throw new Error(`TypeDoc cannot read ${name}`);
  app.validate(project);
  const missing = [...uncommented(project).map((symbol) => `${symbol} has no comment`), ...logger.warnings];
  if (missing.length > 0) console.log(`${name}: ${missing.length} symbols lack a comment or an export`);
  for (const line of missing) console.log(`  ${line}`);
  failed ||= logger.faults.length > 0 || missing.length > 0;
  const json = join(here, "node_modules", ".cache", `${name.replace("/", "-")}.json`);
  await app.generateJson(project, json);
  converted.push(json);
}

const app = await Application.bootstrap({
  name: "AIR-ONNX",
  entryPoints: converted,
  entryPointStrategy: "merge",
  readme: join(root, "README.md"),
  out: join(here, "site"),
  validation: { notExported: false, invalidLink: true, invalidPath: false, notDocumented: false },
});
const logger = new StrictLogger();
app.logger = logger;
const project = await app.convert();
if (!project) throw new Error("TypeDoc cannot join the packages");
app.validate(project);
await app.generateOutputs(project);
if (failed || logger.faults.length > 0) {
  console.error("The API pages are not complete: see above");
  process.exitCode = 1;
} else console.log(`The API pages are in ${join(here, "site")}: open index.html`);
