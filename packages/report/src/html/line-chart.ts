/**
 * Draws curves over training steps as SVG: axes with round marks, a legend, several series. A chart contains its style, for
 * light and dark pages alike.
 */
import { percent } from "@air-onnx/measure/format";
import { Markup, markup } from "./markup.js";
import { decimalsOf, logTicks, niceTicks } from "./ticks.js";

/** A point of a curve. */
export interface ChartPoint {
  /** Value on the x axis. */
  readonly x: number;
  /** Value on the y axis. */
  readonly y: number;
}

/** A curve. */
export interface Series {
  /** Name in the legend. */
  readonly name: string;
  /** Points by rising x. */
  readonly points: readonly ChartPoint[];
  /** Index of the colour in `seriesColours`, modulo its length. */
  readonly colour: number;
  /** Whether the curve is faint and not in the legend, as the noise behind another curve is. */
  readonly faint?: boolean;
  /** Whether each point has a mark. */
  readonly marks?: boolean;
  /** Whether the curve is dashed, to tell it from another one of the same colour. */
  readonly dashed?: boolean;
}

/** The content of a line chart. */
export interface LineChart {
  /** Title above the chart. */
  readonly title: string;
  /** Description of the curves for readers who cannot see them. */
  readonly description: string;
  /** Label of the x axis. */
  readonly xLabel: string;
  /** Label of the y axis. */
  readonly yLabel: string;
  /** The curves. */
  readonly series: readonly Series[];
  /** Scale of the y axis. Default: linear. */
  readonly yScale?: "linear" | "log";
  /** Whether the y axis is labelled in percent. */
  readonly percent?: boolean;
}

/** The colours of curves. Each has a contrast of at least 3:1 to white and to nearly black pages, as WCAG 2 asks of graphics. */
export const seriesColours = [
  "#3b82c4",
  "#c9701e",
  "#2a9470",
  "#b8579b",
  "#d0504a",
  "#80852a",
  "#1a919f",
  "#a06b4a",
  "#7a6fd0",
  "#7c858f",
] as const;

const WIDTH = 520;
const HEIGHT = 280;
const LINE_HEIGHT = 18;
/** Width of a letter in the legend, pixels: an upper estimate for letters 12 pixels high, as SVG cannot measure text. */
const LETTER_WIDTH = 7;
const RIGHT = WIDTH - 24;
const BOTTOM = HEIGHT - 42;
/** Most points of a curve. More cannot be told apart, and make the file large. */
const MOST_POINTS = 500;
/** Share of a curve's points that may lie outside the plot on either side, because the first steps are far off. */
const OUTSIDE = 0.02;

const style = `.air-chart{font:12px system-ui,sans-serif;--ink:#3a424d;--grid:#dde1e7}
.air-chart text{fill:var(--ink)}.air-chart .grid{stroke:var(--grid)}.air-chart .axis{stroke:var(--ink)}
.air-chart path{fill:none;stroke-linejoin:round;stroke-linecap:round}
@media (prefers-color-scheme:dark){.air-chart{--ink:#b9c1cc;--grid:#343a44}}`;

/**
 * Draws a chart as an `<svg>` element.
 *
 * @throws {RangeError} if no series has a point, or a logarithmic one has a value that is not positive
 */
export function lineChart(chart: LineChart): Markup {
  const { title, description, xLabel, yLabel, yScale = "linear" } = chart;
  const series = chart.series.filter(({ points }) => points.length > 0).map(thinned);
  if (series.length === 0) throw new RangeError(`The chart "${title}" has no points`);
  // Training begins at step 0, where nothing has been measured yet.
  const [xLeast, xMost] = widened(extent([0, ...series.flatMap(({ points }) => points.map(({ x }) => x))]));
  const [yLeast, yMost] = yRange(series, yScale, title);
  const xTicks = niceTicks(xLeast, xMost, 6);
  const yTicks = yScale === "log" ? logTicks(yLeast, yMost) : niceTicks(yLeast, yMost, 5);
  const yLabels = chart.percent ? percentLabels(yTicks.values) : yTicks.labels;
  const left = 34 + LETTER_WIDTH * Math.max(0, ...yLabels.map((text) => text.length));
  const legend = layLegend(series, left);
  const top = 12 + legend.height;
  const unit = yScale === "log" ? Math.log : (value: number): number => value;
  const toX = (x: number): number => left + ((x - xLeast) / (xMost - xLeast)) * (RIGHT - left);
  const toY = (y: number): number =>
    BOTTOM - ((unit(y) - unit(yLeast)) / (unit(yMost) - unit(yLeast))) * (BOTTOM - top);

  // A nested <svg> cuts off curves outside the plot.
  const frame = { x: left, y: top - 4, width: RIGHT - left, height: BOTTOM - top + 8 };
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="air-chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${description}">
<style>${new Markup(style)}</style>
${yTicks.values.map(
  (value, i) =>
    markup`<line class="grid" x1="${left}" x2="${RIGHT}" y1="${round(toY(value))}" y2="${round(toY(value))}"/><text class="y-tick" x="${left - 8}" y="${round(toY(value) + 4)}" text-anchor="end">${yLabels[i]!}</text>\n`,
)}<line class="axis" x1="${left}" x2="${RIGHT}" y1="${BOTTOM}" y2="${BOTTOM}"/>
${xTicks.values.map(
  (value, i) =>
    markup`<line class="axis" x1="${round(toX(value))}" x2="${round(toX(value))}" y1="${BOTTOM}" y2="${BOTTOM + 4}"/><text class="x-tick" x="${round(toX(value))}" y="${BOTTOM + 18}" text-anchor="middle">${xTicks.labels[i]!}</text>\n`,
)}<text x="${(left + RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${xLabel}</text>
<text transform="translate(14 ${(top + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${yLabel}</text>
<svg x="${frame.x}" y="${frame.y}" width="${frame.width}" height="${frame.height}" viewBox="${frame.x} ${frame.y} ${frame.width} ${frame.height}">
${series.map((each) => curve(each, toX, toY))}</svg>
${legend.entries}</svg>`;
}

function curve(
  { name, points, colour, faint = false, marks = false, dashed = false }: Series,
  toX: (x: number) => number,
  toY: (y: number) => number,
): Markup {
  const ink = seriesColours[colour % seriesColours.length]!;
  const places = points.map(({ x, y }) => [round(toX(x)), round(toY(y))] as const);
  const path = places.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x} ${y}`).join("");
  const form = faint ? markup` stroke-opacity="0.3" stroke-width="1"` : markup` stroke-width="1.8"`;
  const dashes = dashed ? markup` stroke-dasharray="6 4"` : undefined;
  // A curve of one point is visible only by its mark.
  const dots = marks || points.length === 1 ? places : [];
  return markup`<g stroke="${ink}" fill="${ink}"><title>${name}</title><path d="${path}"${form}${dashes}/>${dots.map(
    ([x, y]) => markup`<circle cx="${x}" cy="${y}" r="2.6" stroke="none"/>`,
  )}</g>\n`;
}

/** Lays out the legend above the plot, in as many lines as it needs. A single curve has no legend. */
function layLegend(
  series: readonly Series[],
  left: number,
): { readonly height: number; readonly entries: readonly Markup[] } {
  const named = series.filter(({ faint }) => !faint);
  if (named.length < 2) return { height: 0, entries: [] };
  let x = left;
  let line = 0;
  const entries = named.map(({ name, colour, dashed = false }) => {
    const width = 26 + LETTER_WIDTH * name.length + 14;
    if (x > left && x + width > RIGHT) {
      x = left;
      line++;
    }
    const y = 14 + line * LINE_HEIGHT;
    const ink = seriesColours[colour % seriesColours.length]!;
    const dashes = dashed ? markup` stroke-dasharray="6 4"` : undefined;
    const entry = markup`<g class="legend"><line x1="${x}" x2="${x + 20}" y1="${y - 4}" y2="${y - 4}" stroke="${ink}" stroke-width="2.5"${dashes}/><text x="${x + 26}" y="${y}">${name}</text></g>\n`;
    x += width;
    return entry;
  });
  return { height: (line + 1) * LINE_HEIGHT + 4, entries };
}

/** Reduces a curve to at most {@link MOST_POINTS} points, each the mean of a group of points. The last point is kept. */
function thinned(series: Series): Series {
  const { points } = series;
  if (points.length <= MOST_POINTS) return series;
  const size = Math.ceil((points.length - 1) / (MOST_POINTS - 1));
  const kept: ChartPoint[] = [];
  for (let start = 0; start < points.length - 1; start += size) {
    const group = points.slice(start, Math.min(start + size, points.length - 1));
    const mean = (axis: "x" | "y"): number => group.reduce((sum, point) => sum + point[axis], 0) / group.length;
    kept.push({ x: mean("x"), y: mean("y") });
  }
  return { ...series, points: [...kept, points.at(-1)!] };
}

/**
 * The range of the y axis. Curves with marks fit into it whole. The extreme values of other long curves, such as those of the
 * first steps, may lie outside.
 */
function yRange(series: readonly Series[], scale: "linear" | "log", title: string): readonly [number, number] {
  const values = series.flatMap(({ points, marks }) => {
    const ys = points.map(({ y }) => y);
    if (marks || ys.length < 1 / OUTSIDE) return ys;
    const sorted = ys.toSorted((a, b) => a - b);
    const cut = Math.floor(OUTSIDE * sorted.length);
    return [...sorted.slice(cut, sorted.length - cut), ys.at(-1)!];
  });
  const [least, most] = extent(values);
  if (scale === "linear") {
    const margin = 0.03 * (most - least);
    return widened([least - margin, most + margin]);
  }
  if (!(extent(series.flatMap(({ points }) => points.map(({ y }) => y)))[0] > 0)) {
    throw new RangeError(`The chart "${title}" is logarithmic, but has a value that is not positive`);
  }
  return least < most ? [least, most] : [least / 2, most * 2];
}

function extent(values: readonly number[]): readonly [number, number] {
  return values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as readonly [number, number]);
}

/** Widens a range that is a single number. */
function widened([least, most]: readonly [number, number]): readonly [number, number] {
  if (least < most) return [least, most];
  const room = Math.abs(least) / 10 || 1;
  return [least - room, most + room];
}

function percentLabels(values: readonly number[]): string[] {
  const step = values.length > 1 ? 100 * (values[1]! - values[0]!) : 1;
  const decimals = decimalsOf(step);
  return values.map((value) => percent(value, decimals));
}

/** Rounds to hundredths of a pixel, which is enough for SVG. */
function round(value: number): number {
  return Math.round(100 * value) / 100;
}
