/** Text that is HTML or SVG already, told from text that is not: what is put into a template is escaped unless it is markup. */

/** A piece of a document; made by {@link markup} alone, so that it is well-formed wherever it is put. */
export class Markup {
  /** @param source is not escaped */
  constructor(readonly source: string) {}

  toString(): string {
    return this.source;
  }
}

export type Insert = Markup | string | number | undefined | readonly Insert[];

/** A template literal: texts and numbers are escaped, markup stays, lists are joined, and undefined is nothing. */
export function markup(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  return new Markup(parts.reduce((source, part, i) => source + render(inserts[i - 1]) + part));
}

function render(insert: Insert): string {
  if (insert === undefined) return "";
  if (insert instanceof Markup) return insert.source;
  if (typeof insert === "string" || typeof insert === "number") return escapeText(String(insert));
  return insert.map(render).join("");
}

/** For element content and quoted attributes alike. Control characters, which no document may hold, are replaced. */
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
