/** A row of buttons that are alternatives: one stop of the Tab key, in which arrows choose, as in a group of radio buttons. */
import { setAttributes } from "./elements.js";

const strides: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Lets the arrow keys choose among the row's buttons, from now on. */
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
