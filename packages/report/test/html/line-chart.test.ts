import { describe, expect, it } from "vitest";
import { type ChartPoint, type LineChart, lineChart, type Series, seriesColours } from "../../src/html/line-chart.js";
import { logTicks, niceTicks } from "../../src/html/ticks.js";
import { all, type Element, parseXml } from "./xml.js";

const series = (points: readonly ChartPoint[], changes: Partial<Series> = {}): Series => ({
  name: "training",
  colour: 0,
  points,
  ...changes,
});
const draw = (lines: readonly Series[], changes: Partial<LineChart> = {}): Element =>
  parseXml(
    lineChart({ title: "ELBO", description: "rises", xLabel: "step", yLabel: "nats", series: lines, ...changes })
      .source,
  );
const line = (length: number, y: (x: number) => number): ChartPoint[] =>
  Array.from({ length }, (_, i) => ({ x: i + 1, y: y(i + 1) }));
/** The corners of a path, in pixels. */
const corners = (path: Element): [number, number][] =>
  [...path.attributes.d!.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
const tickLabels = (chart: Element, axis: "x" | "y"): string[] =>
  all(chart, "text").flatMap(({ attributes, text }) => (attributes.class === `${axis}-tick` ? [text] : []));

describe("niceTicks", () => {
  it("are round numbers within the range", () => {
    expect(niceTicks(0, 1000, 5)).toEqual({
      values: [0, 200, 400, 600, 800, 1000],
      labels: ["0", "200", "400", "600", "800", "1,000"],
    });
    expect(niceTicks(0.87, 0.98, 5).labels).toEqual(["0.88", "0.90", "0.92", "0.94", "0.96", "0.98"]);
    expect(niceTicks(-0.3, 0.3, 3).labels).toEqual(["−0.2", "0.0", "0.2"]);
    expect(niceTicks(-412.3, -220.7, 4).values).toEqual([-400, -350, -300, -250]);
    expect(niceTicks(1e-6, 5e-6, 4).values).toEqual([1e-6, 2e-6, 3e-6, 4e-6, 5e-6]);
  });

  it("are powers of ten on a logarithmic axis, with 2 and 5 where there are few", () => {
    expect(logTicks(0.5, 2000).labels).toEqual(["1", "10", "100", "1,000"]);
    expect(logTicks(15, 170).values).toEqual([20, 50, 100]);
    expect(logTicks(0.003, 0.03).labels).toEqual(["0.005", "0.01", "0.02"]);
  });
});

describe("lineChart", () => {
  it("draws every point at its place between the marks", () => {
    const chart = draw([series(line(100, (x) => 3 * x))]);
    const [path] = all(chart, "path");
    const points = corners(path!);
    expect(points).toHaveLength(100);
    expect(tickLabels(chart, "x")).toEqual(["0", "20", "40", "60", "80", "100"]);
    const mark = all(chart, "text").find(({ text, attributes }) => text === "60" && attributes.class === "x-tick")!;
    expect(points[59]![0]).toBeCloseTo(Number(mark.attributes.x), 1);
    const height = all(chart, "text").find(({ text }) => text === "200")!;
    // Between steps 66 and 67; the text's baseline is 4 below its mark.
    const y = (points[65]![1] * 1 + points[66]![1] * 2) / 3;
    expect(Number(height.attributes.y) - 4).toBeCloseTo(y, 1);
    expect(points[99]![1]).toBeLessThan(points[0]![1]);
  });

  it("has a name and a description for readers who cannot see it", () => {
    const { attributes } = draw([series(line(3, (x) => x))]);
    expect(attributes).toMatchObject({ role: "img", "aria-label": "ELBO: rises" });
  });

  it("has a legend for several series, and none for one", () => {
    const legend = (lines: readonly Series[]): string[] =>
      all(draw(lines), "g").flatMap(({ attributes, text }) => (attributes.class === "legend" ? [text] : []));
    const one = series(line(5, (x) => x));
    expect(legend([one])).toEqual([]);
    expect(legend([one, { ...one, faint: true }, series(one.points, { name: "held-out", colour: 1 })])).toEqual([
      "training",
      "held-out",
    ]);
  });

  it("keeps a legend of many names on the picture", () => {
    const many = Array.from({ length: 12 }, (_, i) =>
      series(
        line(5, (x) => x + i),
        { name: `seed-${i}`, colour: i },
      ),
    );
    const chart = draw(many);
    const places = all(chart, "g")
      .filter(({ attributes }) => attributes.class === "legend")
      .map(({ children }) => children[0]!.attributes);
    expect(new Set(places.map(({ x1, y1 }) => `${x1} ${y1}`)).size).toBe(12);
    for (const { x2 } of places) expect(Number(x2)).toBeLessThan(520);
    const lowest = Math.max(...places.map(({ y1 }) => Number(y1)));
    expect(
      Math.min(
        ...all(chart, "path")
          .flatMap(corners)
          .map(([, y]) => y),
      ),
    ).toBeGreaterThan(lowest);
  });

  it("marks each point of a series with marks", () => {
    const chart = draw([
      series(
        line(4, (x) => x),
        { marks: true },
      ),
    ]);
    expect(all(chart, "circle")).toHaveLength(4);
    expect(all(draw([series([{ x: 5, y: 5 }])]), "circle")).toHaveLength(1);
  });

  it("lets the values of first steps that are far off lie outside", () => {
    const curve = line(200, (x) => (x < 3 ? -1e6 : x));
    const chart = draw([series(curve)]);
    const heights = corners(all(chart, "path")[0]!).map(([, y]) => y);
    expect(heights[0]).toBeGreaterThan(1000);
    expect(heights[10]! - heights[199]!).toBeGreaterThan(150);
    expect(tickLabels(chart, "y")).toContain("100");
  });

  it("thins out a curve of very many points, and keeps its last", () => {
    const [path] = all(draw([series(line(12_345, (x) => x))]), "path");
    const points = corners(path!);
    expect(points.length).toBeLessThanOrEqual(500);
    expect(points.length).toBeGreaterThan(400);
    const [end] = corners(all(draw([series(line(12_345, (x) => x).slice(-1))]), "path")[0]!);
    expect(points.at(-1)![0]).toBeCloseTo(end![0], 1);
  });

  it("writes shares as percentages", () => {
    const chart = draw([series(line(5, (x) => 0.9 + x / 100))], { percent: true });
    expect(tickLabels(chart, "y")).toEqual(["91 %", "92 %", "93 %", "94 %", "95 %"]);
  });

  it("escapes all texts", () => {
    const nasty = `"><script>alert('x')</script>&\u0000`;
    const chart = draw(
      [
        series(
          line(3, (x) => x),
          { name: nasty },
        ),
        series(line(3, (x) => x)),
      ],
      { title: nasty },
    );
    expect(all(chart, "script")).toEqual([]);
    expect(chart.attributes["aria-label"]).toContain("<script>");
  });

  it("refuses a chart without points, and a logarithm of zero", () => {
    expect(() => draw([series([])])).toThrow('The chart "ELBO" has no points');
    expect(() => draw([series(line(3, (x) => x - 1))], { yScale: "log" })).toThrow("not positive");
  });
});

it("draws in colours that stand out from a white and from a dark page", () => {
  const luminance = (colour: string): number => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const contrast = (a: string, b: string): number => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light! + 0.05) / (dark! + 0.05);
  };
  for (const colour of seriesColours) {
    for (const page of ["#ffffff", "#14171c"])
      expect(contrast(colour, page), `${colour} on ${page}`).toBeGreaterThan(3);
  }
});
