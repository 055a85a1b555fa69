/** HTML and SVG as values of a type of their own, so that templates escape all inserted text that is not markup. */

/** A well-formed piece of an HTML or SVG document, made by {@link markup}. */
export class Markup {
  /** @param source HTML or SVG, which is not escaped */
  constructor(readonly source: string) {}

  /** Returns the source. */
  toString(): string {
    return this.source;
  }
}

/** A value that can be inserted into a template: text and numbers are escaped, markup is kept, undefined is nothing. */
export type Insert = Markup | string | number | undefined | readonly Insert[];

/** Tags a template literal as markup. Text and numbers are escaped, markup is kept, lists are joined, undefined is nothing. */
export function markup(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  return new Markup(parts.reduce((source, part, i) => source + render(inserts[i - 1]) + part));
}

function render(insert: Insert): string {
  if (insert === undefined) return "";
  if (insert instanceof Markup) return insert.source;
  if (typeof insert === "string" || typeof insert === "number") return escapeText(String(insert));
  return insert.map(render).join("");
}

/** Escapes text for element content and quoted attributes. Control characters, which no document may contain, are replaced. */
function escapeText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}]/gu, (character) => (/[\t\n\r]/.test(character) ? character : "\ufffd"))
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
