/** Changes to the values of a JSON file, which stays JSON: what a program or person who edits it may write. */
import type { Mutation } from "./mutations.js";

/** JSON of values at which readers go wrong: of other types, at the ends of ranges, of great depth, or keys of every object. */
const VALUES: readonly string[] = [
  ...["null", "true", '""', '"N"', "[]", "{}", "[null]", '[[["a"]]]'],
  ...["0", "-1", "1", "2.5", "-0.5", "1e-320", "129", "65537", "1e9", "9007199254740993", "1e308", "1e400"],
  ...['"../x"', '"/dev/zero"', '"//host/x"', '"__proto__"', '"NaN"', `"${"x".repeat(300)}"`],
  ...['{"__proto__":{"a":1}}', '{"constructor":1}', `${"[".repeat(40)}${"]".repeat(40)}`],
];

/** Placeholder that no JSON text has. */
const HOLE = "\u0000hole\u0000";

interface Place {
  readonly parent: Record<string, unknown>;
  readonly key: string;
}

/** Replaces, removes, adds or copies values of the JSON in `file`. What is no JSON is left as it is. */
export function mutateValues(file: Buffer, mutations: readonly Mutation[]): Buffer {
  let root: Record<string, unknown>;
  try {
    root = { root: JSON.parse(file.toString("utf8")) as unknown };
  } catch {
    return file;
  }
  const texts: string[] = [];
  for (const [kind, place, value] of mutations) {
    const places = placesIn(root);
    const { parent, key } = places[place % places.length]!;
    const other = places[value % places.length]!;
    if (kind % 4 === 0 && parent !== root) Reflect.deleteProperty(parent, key);
    else if (kind % 4 === 1) parent[key] = structuredClone(other.parent[other.key]);
    else {
      const isList = Array.isArray(parent);
      const target = kind % 4 === 3 && !isList && parent !== root ? `${key}2` : key;
      parent[target] = `${HOLE}${texts.length}`;
      texts.push(VALUES[value % VALUES.length]!);
    }
  }
  const json = JSON.stringify(root.root) ?? "null";
  const filled = texts.reduce((text, each, i) => text.replaceAll(JSON.stringify(`${HOLE}${i}`), each), json);
  return Buffer.from(filled);
}

function placesIn(root: Record<string, unknown>): Place[] {
  const places: Place[] = [];
  const visit = (parent: Record<string, unknown>): void => {
    for (const key of Object.keys(parent)) {
      places.push({ parent, key });
      const inner = parent[key];
      if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  visit(root);
  return places;
}
