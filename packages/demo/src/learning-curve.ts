/** Curves over the training steps, drawn as vector graphics. */
import { makeSvg, setAttributes } from "./elements.js";

const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;

export interface Curve {
  /** Pairs of step and value, in the order of the steps. */
  readonly points: readonly (readonly [step: number, value: number])[];
  /** Written at its end; absent where there is only one. */
  readonly name?: string | undefined;
  /** Class of the style sheet. */
  readonly look?: "rival" | undefined;
}

export interface CurveForm {
  /** Last step of the training. */
  readonly steps: number;
  /** Values at the lower and upper edge; undefined for those of the curves. */
  readonly range?: readonly [number, number];
  /** Values at which a line is drawn. */
  readonly lines?: readonly number[];
  /** A step that is marked. */
  readonly mark?: number | undefined;
  /** Formats a value. */
  readonly text: (value: number) => string;
}

export function showCurves(
  svg: SVGSVGElement,
  curves: readonly Curve[],
  { steps, range, lines, mark, text }: CurveForm,
): void {
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const [low, high] = range ?? (values.length > 0 ? extremes(values) : [0, 1]);
  const x = (step: number): number => LEFT + ((WIDTH - LEFT) * step) / steps;
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low || 1));
  const marks = (lines ?? [low, high]).flatMap((value) => [
    makeSvg("line", { x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
    label(text(value), { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }),
  ]);
  if (mark !== undefined) marks.push(makeSvg("line", { x1: x(mark), x2: x(mark), y1: TOP, y2: y(low), class: "mark" }));
  setAttributes(svg, { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
  svg.replaceChildren(
    ...marks,
    label("0", { x: LEFT, y: HEIGHT - 5 }),
    label(`${steps.toLocaleString("en")} steps`, { x: WIDTH, y: HEIGHT - 5, "text-anchor": "end" }),
    ...curves.map(({ points, look = "" }) =>
      makeSvg("polyline", { class: look, points: points.map(([step, value]) => `${x(step)},${y(value)}`).join(" ") }),
    ),
    ...curves.flatMap(({ points, name, look = "" }) => {
      const end = points.at(-1);
      if (name === undefined || !end) return [];
      // Inside the frame: to the left of the end where there is no room to its right.
      const isFar = x(end[0]) > WIDTH / 2;
      const place = { x: x(end[0]) + (isFar ? -4 : 4), y: Math.max(TOP + 12, y(end[1]) - 5) };
      return [label(name, { ...place, "text-anchor": isFar ? "end" : "start", class: `name ${look}` })];
    }),
  );
}

function label(content: string, attributes: Readonly<Record<string, string | number>>): SVGTextElement {
  const text = makeSvg("text", attributes);
  text.textContent = content;
  return text;
}

/** The least and the greatest value; a long run has more of them than a call takes arguments. */
function extremes(values: readonly number[]): readonly [number, number] {
  return values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)] as const, [
    values[0]!,
    values[0]!,
  ] as const);
}
