/** Finds and makes the page's elements. Elements that `index.html` must have are looked up by id and class. */

/** @throws {Error} if the page has no such element, because page and code are of different versions */
export function byId<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`The page has no ${kind.name} #${id}`);
}

export function within<Kind extends Element>(parent: Element, selector: string, kind: new () => Kind): Kind {
  const element = parent.querySelector(selector);
  if (element instanceof kind) return element;
  throw new Error(`There is no ${kind.name} ${selector}`);
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function makeSvg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

export function setAttributes(element: Element, attributes: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/**
 * Adds or removes children at the end of `parent` until there are `count`. The children that stay keep their focus.
 */
export function resizeChildren(parent: Element, count: number, create: (index: number) => Element): readonly Element[] {
  while (parent.children.length > count) parent.lastElementChild!.remove();
  while (parent.children.length < count) parent.append(create(parent.children.length));
  return Array.from(parent.children);
}
