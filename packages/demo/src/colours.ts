/**
 * The objects' colours, in the order in which they are found: from Okabe and Ito's palette, which colour-blind people can
 * tell apart, those that are bright enough on black. The style sheet gives the values for `data-colour`.
 */
export const OBJECT_COLOURS = 6;

/** Marks an element as the object's; what is inside takes its colour from there. */
export function paintAsObject(element: Element, index: number): void {
  element.setAttribute("data-colour", String(index % OBJECT_COLOURS));
}
