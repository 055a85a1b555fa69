/** What the pages say about this repository's files is so: links, paths, names in files, and npm scripts. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Folders that hold nothing of the repository's own. */
const skipped = /^(\..*|node_modules|dist|coverage|runs|logs|site)$/;

/** The Markdown files of a folder, as paths from the root. */
function pagesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.test(entry.name) ? [] : pagesOf(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}
const pages = pagesOf("");

/** A page without its blocks of code. */
const prose = (page: string): string => readFileSync(join(root, page), "utf8").replace(/^```.*?^```/gms, "");

/** The addresses that GitHub gives to a page's headings. */
function anchors(page: string): string[] {
  const headings = prose(page).match(/^#{1,6} .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

interface Link {
  readonly text: string;
  readonly path: string;
  readonly anchor: string | undefined;
}

/** Links to files of the repository, or to places in the page itself. */
function links(page: string): Link[] {
  const found = [...prose(page).matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)].filter(([, , to]) => !/^[a-z]+:/.test(to!));
  return found.map(([, text, to]) => {
    const [path, anchor] = to!.split("#") as [string, string | undefined];
    return { text: text!, path: path === "" ? page : join(dirname(page), path), anchor };
  });
}

/** What is missing of what `page` names, one line each. */
function missing(page: string): string[] {
  const faults: string[] = [];
  for (const { text, path, anchor } of links(page)) {
    const file = resolve(root, path);
    if (!existsSync(file)) {
      faults.push(`a link leads to ${path}, which is not there`);
      continue;
    }
    if (anchor !== undefined && path.endsWith(".md") && !anchors(relative(root, file)).includes(anchor)) {
      faults.push(`${path} has no heading #${anchor}`);
    }
    // [`attend`](…/attention.ts) says that attend is in there.
    const name = /^`([\w.]+)`$/.exec(text)?.[1];
    if (name === undefined || !statSync(file).isFile() || !/\.[mc]?[jt]s$/.test(path) || path.endsWith(name)) continue;
    if (!new RegExp(`\\b${name}\\b`).test(readFileSync(file, "utf8"))) faults.push(`${path} has no ${name}`);
  }
  for (const [, path] of prose(page).matchAll(/`((?:packages|test|docs|examples)\/[\w./-]+)`/g)) {
    // A package's own page may count from its folder.
    if (![root, join(root, dirname(page))].some((from) => existsSync(join(from, path!))))
      faults.push(`\`${path}\` is not there`);
  }
  return faults;
}

describe("every link, path and name in", () => {
  it.each(pages)("%s leads somewhere", (page) => expect(missing(page)).toEqual([]));
});

it("every npm script that a page names is one", () => {
  const scriptsOf = (folder: string): object =>
    (JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as { scripts: object }).scripts;
  const named = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/npm run ([a-z][\w:-]*)(?: -w (\S+))?/g)].map(
      ([, name, folder = "."]) => ({ page, name: name!, folder }),
    ),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ name, folder }) => !(name in scriptsOf(folder)))).toEqual([]);
});

it("the pages are those that a reader is sent to", () => {
  const readme = links("README.md").map(({ path }) => path);
  for (const page of ["getting-started", "concepts", "validation", "limitations"]) {
    expect(readme, page).toContain(`docs/${page}.md`);
  }
});
