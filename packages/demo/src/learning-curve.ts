/** A curve over the training steps, drawn as vector graphics. */
import { makeSvg, setAttributes } from "./elements.js";

const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;

export interface CurveForm {
  /** Last step of the training. */
  readonly steps: number;
  /** Values at the lower and upper edge; undefined for those of the curve. */
  readonly range?: readonly [number, number];
  /** Values at which a line is drawn. */
  readonly lines?: readonly number[];
  /** Formats a value. */
  readonly text: (value: number) => string;
}

/** Shows `points`, pairs of step and value in the order of the steps. */
export function showCurve(
  svg: SVGSVGElement,
  points: readonly (readonly [step: number, value: number])[],
  { steps, range, lines, text }: CurveForm,
): void {
  const values = points.map(([, value]) => value);
  const [low, high] = range ?? (values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1]);
  const x = (step: number): number => LEFT + ((WIDTH - LEFT) * step) / steps;
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low || 1));
  const marks = (lines ?? [low, high]).flatMap((value) => [
    makeSvg("line", { x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
    label(text(value), { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }),
  ]);
  setAttributes(svg, { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
  svg.replaceChildren(
    ...marks,
    label("0", { x: LEFT, y: HEIGHT - 5 }),
    label(`${steps.toLocaleString("en")} steps`, { x: WIDTH, y: HEIGHT - 5, "text-anchor": "end" }),
    makeSvg("polyline", { points: points.map(([step, value]) => `${x(step)},${y(value)}`).join(" ") }),
  );
}

function label(content: string, attributes: Readonly<Record<string, string | number>>): SVGTextElement {
  const text = makeSvg("text", attributes);
  text.textContent = content;
  return text;
}
