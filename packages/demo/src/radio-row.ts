/** A row of buttons that works as a group of radio buttons: one stop of the Tab key, and arrow keys choose. */
import { setAttributes } from "./elements.js";

const strides: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Lets the arrow keys choose among the row's buttons. */
export function listenToArrows(row: HTMLElement): void {
  row.addEventListener("keydown", (event) => {
    const stride = strides[event.key];
    const buttons = Array.from(row.children) as HTMLElement[];
    const index = buttons.indexOf(event.target as HTMLElement);
    if (stride === undefined || index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = buttons[(index + stride + buttons.length) % buttons.length]!;
    next.click();
    next.focus();
  });
}

/** Marks a button of such a row. */
export function markRadio(button: HTMLElement, chosen: boolean): void {
  setAttributes(button, { role: "radio", "aria-checked": String(chosen) });
  button.tabIndex = chosen ? 0 : -1;
}
