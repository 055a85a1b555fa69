/** Tests the shape of the code: which package may import which, and that there are no circular imports. */
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The packages that each package may import. */
const layers: Record<string, readonly string[]> = {
  core: [],
  trainer: ["core"],
  tracer: [],
  "runtime-node": ["core"],
  "runtime-web": ["core"],
  scenes: ["core"],
  measure: ["core", "scenes"],
  train: ["core", "trainer", "tracer", "runtime-node", "scenes", "measure"],
  export: ["core", "trainer", "tracer", "runtime-node", "scenes", "measure", "train"],
  report: ["core", "scenes", "measure", "train", "export"],
  cli: ["core", "runtime-node", "scenes", "measure", "train", "export", "report"],
  demo: ["core", "trainer", "runtime-web", "scenes"],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

/** Source of a file without comments, which may contain code. */
function codeOf(path: string): string {
  return readFileSync(path, "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
}

function importsOf(name: string): Import[] {
  const source = join(root, "packages", name, "src");
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".cases.ts"))
    .flatMap((file) => {
      const path = join(source, file);
      const text = codeOf(path);
      const specifiers = [
        ...text.matchAll(/^\s*(?:import|export)\b[^;]*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm),
      ];
      return specifiers.map((match) => ({ file: path, specifier: (match[1] ?? match[2] ?? match[3])! }));
    });
}

const packageOf = (specifier: string): string => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
const isBuiltin = (specifier: string): boolean =>
  specifier.startsWith("node:") || builtinModules.includes(specifier.split("/")[0]!);

it("every package is in the table of layers", () => {
  expect(readdirSync(join(root, "packages")).toSorted()).toEqual(Object.keys(layers).toSorted());
});

describe.each(Object.keys(layers))("packages/%s", (name) => {
  const imports = importsOf(name);
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
    peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  };

  it("imports only packages below it", () => {
    const ours = imports.filter(({ specifier }) => specifier.startsWith("@air-onnx/"));
    for (const { file, specifier } of ours) {
      const target = packageOf(specifier).replace("@air-onnx/", "");
      expect(layers[name], `${relative(root, file)} imports ${specifier}`).toContain(target);
    }
    expect(imports.length).toBeGreaterThan(0);
  });

  it("declares what it imports, and imports what it declares", () => {
    const used = new Set(
      imports
        .map(({ specifier }) => specifier)
        .filter((specifier) => !specifier.startsWith(".") && !isBuiltin(specifier))
        .map(packageOf),
    );
    // Optional peer dependencies are loaded by name, only when they are needed.
    const isOptional = (name: string): boolean => manifest.peerDependenciesMeta?.[name]?.optional === true;
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).filter(
      (name) => !isOptional(name),
    );
    expect(declared.toSorted()).toEqual([...used].toSorted());
  });

  it("has no circular imports", () => {
    const edges = new Map<string, string[]>();
    for (const { file, specifier } of imports) {
      if (!specifier.startsWith(".")) continue;
      const target = resolve(dirname(file), specifier.replace(/\.js$/, ".ts"));
      edges.set(file, [...(edges.get(file) ?? []), target]);
    }
    const finished = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      const from = path.indexOf(file);
      if (from >= 0) throw new Error([...path.slice(from), file].map((each) => relative(root, each)).join(" → "));
      if (finished.has(file)) return;
      for (const target of edges.get(file) ?? []) visit(target, [...path, file]);
      finished.add(file);
    };
    for (const file of edges.keys()) visit(file, []);
  });
});

it("nothing that runs a model, draws images or measures needs TensorFlow.js", () => {
  for (const name of ["core", "trainer", "runtime-node", "runtime-web", "scenes", "measure"]) {
    for (const { specifier } of importsOf(name)) expect(specifier).not.toMatch(/^@tensorflow\//);
  }
});

/** The files of its own package that a module loads, itself included, each with its imports from outside. */
function loadedWith(entry: string): { readonly files: string[]; readonly elsewhere: string[] } {
  const files = new Set<string>();
  const elsewhere = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const specifier of valueImports(readFileSync(file, "utf8"))) {
      if (specifier.startsWith(".")) visit(resolve(dirname(file), specifier.replace(/\.js$/, ".ts")));
      else elsewhere.add(specifier);
    }
  };
  visit(entry);
  return { files: [...files], elsewhere: [...elsewhere] };
}

/** The specifiers of the static imports that remain when types are erased. */
function valueImports(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  return [...code.matchAll(/^(?:import|export) (?!type\b)([^;]*?)\bfrom "([^"]+)"|^import "([^"]+)"/gm)]
    .filter(([, names]) => names === undefined || !/^\{(?:\s*type [^,}]+,?)+\s*\}/.test(names))
    .map((match) => (match[2] ?? match[3])!);
}

it("the code that draws images runs in a page: it loads no module of Node", () => {
  const { files, elsewhere } = loadedWith(join(root, "packages", "scenes", "src", "drawn.ts"));
  expect(files.length).toBeGreaterThan(15);
  expect(elsewhere.filter((specifier) => packageOf(specifier) !== "@air-onnx/core")).toEqual([]);
});

it("the names of data sets load nothing heavy: only random numbers come from another package", () => {
  const { files, elsewhere } = loadedWith(join(root, "packages", "scenes", "src", "names.ts"));
  expect(files.length).toBeGreaterThan(10);
  expect(new Set(elsewhere)).toEqual(new Set(["@air-onnx/core/random"]));
  const random = loadedWith(join(root, "packages", "core", "src", "random.ts"));
  expect(random).toEqual({ files: [join(root, "packages", "core", "src", "random.ts")], elsewhere: [] });
});

it("one file reads the environment variables for the folders of data", () => {
  const variables = /AIR_ONNX_MNIST_DIR|AIR_ONNX_CACHE|XDG_CACHE_HOME|process\.env\[/;
  const readers = ["scenes", "measure", "train", "export", "report", "cli"].flatMap((name) => {
    const source = join(root, "packages", name, "src");
    return readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .filter((file) => variables.test(codeOf(join(source, file))))
      .map((file) => `${name}/${file}`);
  });
  // The registry has the variables' names, for the help of the command line.
  expect(readers.toSorted()).toEqual(["scenes/files/environment.ts", "scenes/registry.ts"]);
});

it("every environment variable is read in one file, and in the list of the command's README", () => {
  const files = new Map<string, Set<string>>();
  for (const name of Object.keys(layers)) {
    const source = join(root, "packages", name, "src");
    for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      const text = readFileSync(join(source, file), "utf8");
      const named = [...text.matchAll(/process\.env\.(\w+)/g)].map(([, variable]) => variable!);
      const unpacked = [...text.matchAll(/\{([^{}]*)\} = process\.env/g)].flatMap(([, list]) => list!.match(/\w+/g)!);
      for (const variable of [...named, ...unpacked]) {
        files.set(variable, (files.get(variable) ?? new Set()).add(`${name}/src/${file}`));
      }
    }
  }
  expect([...files.keys()]).toEqual(expect.arrayContaining(["AIR_ONNX_CACHE", "DEBUG", "ORT_DISABLE_TELEMETRY"]));
  const readme = readFileSync(join(root, "packages", "cli", "README.md"), "utf8");
  // Data sets and models are kept in one folder, by two packages that have nothing but core in common.
  const keepers = ["runtime-node/src/model-store.ts", "scenes/src/files/environment.ts"];
  for (const [variable, readers] of files) {
    const isCache = ["AIR_ONNX_CACHE", "XDG_CACHE_HOME"].includes(variable);
    if (isCache) expect([...readers].toSorted(), variable).toEqual(keepers);
    else expect([...readers], variable).toHaveLength(1);
    expect(readme).toContain(`\`${variable}\``);
  }
});

/** The code of every package below the command line, by its path from `packages`, without comments. */
function codeBelowCli(): (readonly [file: string, code: string])[] {
  return Object.keys(layers)
    .filter((name) => name !== "cli" && name !== "demo")
    .flatMap((name) =>
      readdirSync(join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => {
          const code = codeOf(join(root, "packages", name, "src", file)).replaceAll(/(?:^|\s)\/\/ .*$/gm, "");
          return [`${name}/src/${file}`, code] as const;
        }),
    );
}

/** Flags of other programs, which their users need to type or which start a process of ours. */
const otherFlags: Readonly<Record<string, readonly string[]>> = {
  "runtime-node/src/devices.ts": ["--onnxruntime-node-install"],
  "train/src/engine/tfjs-backends.ts": ["--ignore-scripts"],
  "train/src/sweep/seed-process.ts": ["--semi-space-growth-factor"],
};

it("no text below the command line names a flag or a command of air-onnx: the command line adds them", () => {
  const commands = readdirSync(join(root, "packages", "cli", "src", "commands")).map((file) => file.replace(".ts", ""));
  const command = new RegExp(`air-onnx (?:${commands.join("|")})\\b.*`, "g");
  const found: string[] = [];
  for (const [file, code] of codeBelowCli()) {
    // Style sheets have variables that look like flags.
    const text = file.startsWith("report/src/html/") ? code.replaceAll(/var\(--[\w-]+|--[\w-]+:/g, "") : code;
    for (const [flag] of text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)) {
      if (!otherFlags[file]?.includes(flag)) found.push(`${file}: ${flag}`);
    }
    for (const [text] of code.matchAll(command)) found.push(`${file}: ${text}`);
  }
  expect(commands).toContain("train");
  expect(found).toEqual([]);
});

it("errors are told apart by their class and fields, not by their message or name", () => {
  const byText =
    /\bmessage\??\.(?:replace|includes|match|startsWith|endsWith|search)\w*\(.*|\.test\((?:\w+\.)*message\).*|\.name [!=]== "\w*Error".*/g;
  const sources = [...codeBelowCli(), ...["cli", "demo"].flatMap((name) => importsOf(name).map(({ file }) => file))];
  const found = [
    ...new Set(sources.map((each) => (typeof each === "string" ? ([each, codeOf(each)] as const) : each))),
  ].flatMap(([file, code]) => [...code.matchAll(byText)].map(([text]) => `${file}: ${text}`));
  expect(found).toEqual([]);
});

/** The names that a module exports, its own and those of the modules that it exports whole. */
function exportsOf(path: string): string[] {
  const code = codeOf(path);
  const own = [...code.matchAll(/^export (?:abstract )?class (\w+)/gm)].map(([, name]) => name!);
  const listed = [...code.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names]) => names!.match(/\w+/g) ?? []);
  const whole = [...code.matchAll(/^export \* from "(\.[^"]+)\.js"/gm)].flatMap(([, file]) =>
    exportsOf(resolve(dirname(path), `${file}.ts`)),
  );
  return [...own, ...listed, ...whole];
}

it("every error class that leaves a package is exported from its index", () => {
  // Thrown and caught in one file.
  const internal = ["GraphFault"];
  let classes = 0;
  for (const name of Object.keys(layers)) {
    // Those of the command line and of the page end in what the user reads.
    if (name === "cli" || name === "demo") continue;
    const source = join(root, "packages", name, "src");
    const exported = exportsOf(join(source, "index.ts"));
    for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      for (const [, found] of codeOf(join(source, file)).matchAll(/class (\w+) extends \w*Error\b/g)) {
        if (internal.includes(found!)) continue;
        classes++;
        expect(exported, `${name}/src/${file}`).toContain(found);
      }
    }
  }
  expect(classes).toBeGreaterThan(20);
});
