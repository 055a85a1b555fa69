/** A strict reader of the XML that charts are made of: enough to refuse text that is not well-formed. */

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** The text of the element and of all elements in it. */
  readonly text: string;
}

/** @throws {Error} for anything that is not one well-formed element */
export function parseXml(source: string): Element {
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${source.slice(at, at + 40)}`);
  };
  const match = (pattern: RegExp): RegExpExecArray | null => {
    const sticky = new RegExp(pattern, "y");
    sticky.lastIndex = at;
    const found = sticky.exec(source);
    if (found) at = sticky.lastIndex;
    return found;
  };
  const decode = (text: string): string => {
    if (/&(?!(amp|lt|gt|quot|#39);)/.test(text)) fail("A bare &");
    const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
    return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name]!);
  };
  const element = (): Element => {
    const [, name] = match(/<([a-zA-Z][\w-]*)/) ?? fail("No element");
    const attributes: Record<string, string> = {};
    for (let found = match(/\s+([\w:-]+)="([^"<]*)"/); found; found = match(/\s+([\w:-]+)="([^"<]*)"/)) {
      if (found[1]! in attributes) fail("An attribute twice");
      attributes[found[1]!] = decode(found[2]!);
    }
    if (match(/\s*\/>/)) return { name: name!, attributes, children: [], text: "" };
    if (!match(/\s*>/)) fail("An element that is not closed");
    const children: Element[] = [];
    let text = "";
    while (!match(new RegExp(`</${name}>`))) {
      const characters = match(/[^<]+/);
      if (characters) text += decode(characters[0]);
      else {
        const child = element();
        children.push(child);
        text += child.text;
      }
    }
    return { name: name!, attributes, children, text };
  };
  const root = element();
  match(/\s*/);
  if (at !== source.length) fail("Something behind the end");
  return root;
}

/** The element itself and all elements in it. */
export function all(element: Element, name: string): Element[] {
  const own = element.name === name ? [element] : [];
  return [...own, ...element.children.flatMap((child) => all(child, name))];
}
