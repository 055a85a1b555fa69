/**
 * Number of the objects' colours. They are the colours of Okabe and Ito's palette, which colour-blind people can tell apart,
 * that are bright enough on black. The style sheet gives their values by `data-colour`.
 */
export const OBJECT_COLOURS = 6;

/** Marks an element as belonging to object `index`; its contents take the object's colour. */
export function paintAsObject(element: Element, index: number): void {
  element.setAttribute("data-colour", String(index % OBJECT_COLOURS));
}
