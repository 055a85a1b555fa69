/**
 * Kernels that take the pixels of images `[n, height, width, channels]` at computed places. tfjs computes the places in doubles, and so do
 * the graphs: rounded to floats, a place on the last row may lie beyond it.
 */
import * as tf from "@tensorflow/tfjs";
import type { GraphBuilder } from "../graph/builder.js";
import { broadcastShapes, int, type Shape, type Value } from "../graph/ir.js";
import { constantOperand, dense, operand, reshape, reshapeValue } from "../graph/operand.js";
import type { Operator } from "../onnx/operators.js";
import { tensorDataType } from "../onnx/schema.js";
import { choose, toFloat } from "./arithmetic.js";
import { gatherRows } from "./gather.js";
import { type Lowering, lowering } from "./lowering.js";

/** Arithmetic on doubles: ONNX's operators, with broadcasting. */
class Doubles {
  readonly #graph: GraphBuilder;

  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  of(x: Value): Value {
    return this.#as(x, "float64");
  }

  /** A number that a float32 holds. */
  number(value: number): Value {
    return this.of(this.#graph.constant("float32", [], Float32Array.of(value)));
  }

  /** The numbers from 0 in the shape `[count, 1, …]` with as many axes behind as `behind` says. */
  upTo(count: number, behind: number): Value {
    const shape = [count, ...Array.from({ length: behind }, () => 1)];
    return this.of(
      this.#graph.constant(
        "float32",
        shape,
        Float32Array.from({ length: count }, (_, i) => i),
      ),
    );
  }

  apply(op: Operator, ...operands: readonly (Value | number)[]): Value {
    return this.#node(op, "float64", operands);
  }

  compare(op: Operator, ...operands: readonly (Value | number)[]): Value {
    return this.#node(op, "bool", operands);
  }

  all(...conditions: readonly Value[]): Value {
    return conditions.reduce((all, each) => this.#node("And", "bool", [all, each]));
  }

  choose(condition: Value, yes: Value | number, no: Value | number): Value {
    return this.#node("Where", "float64", [condition, yes, no]);
  }

  /** Whole numbers, as indices. */
  whole(x: Value): Value {
    return this.#as(x, "int32");
  }

  toFloat(x: Value): Value {
    return this.#as(x, "float32");
  }

  #node(op: Operator, dtype: "float64" | "bool", operands: readonly (Value | number)[]): Value {
    const values = operands.map((each) => (typeof each === "number" ? this.number(each) : each));
    return this.#graph.node(op, values, { dtype, shape: broadcastShapes(...values.map(({ shape }) => shape)) });
  }

  #as(x: Value, dtype: "float64" | "float32" | "int32"): Value {
    return this.#graph.node("Cast", [x], { dtype, shape: x.shape }, { to: int(tensorDataType[dtype]) });
  }
}

/** Whole numbers a · factor + b, as indices. */
function index(graph: GraphBuilder, a: Value, factor: number, b: Value): Value {
  const dtype = "int32";
  const scale = graph.constant(dtype, [], Int32Array.of(factor));
  const product = graph.node("Mul", [a, scale], { dtype, shape: a.shape });
  return graph.node("Add", [product, b], { dtype, shape: broadcastShapes(a.shape, b.shape) });
}

/** One of the pixels along an axis of which a sample is made. */
interface Tap {
  /** Its index, where it exists. */
  readonly at: Value;
  /** Whether it is a pixel of the image; it always is, if undefined. */
  readonly exists?: Value;
  /** Its share of the sample, with an axis for channels; all of it, if undefined. */
  readonly weight?: Value;
}

/** A sample: the pixels of its rows and columns, as `read` gives them, by their shares. */
function blend(
  doubles: Doubles,
  rows: readonly Tap[],
  columns: readonly Tap[],
  read: (row: Tap, column: Tap) => Value,
) {
  const mix = (taps: readonly Tap[], value: (tap: Tap) => Value): Value =>
    taps
      .map((tap) => (tap.weight ? doubles.apply("Mul", tap.weight, value(tap)) : value(tap)))
      .reduce((sum, part) => doubles.apply("Add", sum, part));
  return mix(rows, (row) => mix(columns, (column) => read(row, column)));
}

/** The places of `count` samples of each crop along one axis of `size` pixels, in pixels: `[crops, count]`. */
function cropPlaces(doubles: Doubles, start: Value, end: Value, size: number, count: number): Value {
  if (count === 1) {
    const sum = doubles.apply("Add", start, end);
    return doubles.apply("Mul", doubles.apply("Mul", sum, 0.5), size - 1);
  }
  const length = doubles.apply("Mul", doubles.apply("Sub", end, start), size - 1);
  const scale = doubles.apply("Div", length, count - 1);
  const steps = doubles.apply("Mul", doubles.upTo(count, 0), scale);
  return doubles.apply("Add", doubles.apply("Mul", start, size - 1), steps);
}

/** Places as places in an image of `size` pixels along their axis, where what lies outside is filled in a way of its own. */
function mapPlaces(doubles: Doubles, x: Value, size: number, mode: tf.TransformAttrs["fillMode"]): Value {
  if (mode === "constant") return x;
  const clamp = (value: Value): Value => doubles.apply("Max", 0, doubles.apply("Min", value, size - 1));
  if (mode === "nearest" || size === 1) return clamp(x);
  // Of positive numbers, the whole part.
  const times = (value: Value, by: number): Value => doubles.apply("Floor", doubles.apply("Div", value, by));
  const minus = doubles.apply("Neg", x);
  let [below, above]: [Value, Value] = [x, x];
  if (mode === "reflect") {
    const period = 2 * size;
    const near = doubles.apply("Add", doubles.apply("Mul", period, times(minus, period)), x);
    below = doubles.choose(
      doubles.compare("Less", near, -size),
      doubles.apply("Add", near, period),
      doubles.apply("Sub", doubles.apply("Neg", near), 1),
    );
    const rest = doubles.apply("Sub", x, doubles.apply("Mul", period, times(x, period)));
    const mirrored = doubles.apply("Sub", doubles.apply("Sub", period, rest), 1);
    above = doubles.choose(doubles.compare("GreaterOrEqual", rest, size), mirrored, rest);
  } else {
    const turns = doubles.apply("Add", times(minus, size - 1), 1);
    below = doubles.apply("Add", x, doubles.apply("Mul", size, turns));
    above = doubles.apply("Sub", x, doubles.apply("Mul", size, times(x, size - 1)));
  }
  const inside = doubles.choose(doubles.compare("Greater", x, size - 1), above, x);
  return clamp(doubles.choose(doubles.compare("Less", x, 0), below, inside));
}

/** What a rotation leaves where there is no pixel, for each channel. */
function rotationFill(fill: tf.RotateWithOffsetAttrs["fillValue"], channels: number): number[] {
  if (typeof fill === "number") return Array.from({ length: channels }, () => fill);
  // The fourth channel is opacity.
  return Array.from({ length: channels }, (_, channel) => (channel === 3 ? 255 : fill[channel]!));
}

export const warpLowerings: Lowering[] = [
  lowering<tf.CropAndResizeAttrs>(
    "CropAndResize",
    [
      ...(["Gather", "Add", "Sub", "Mul", "Div", "Floor", "Ceil", "And", "Where"] as const),
      ...(["Less", "GreaterOrEqual", "LessOrEqual"] as const),
    ],
    ({ inputs, attributes: { cropSize, method, extrapolationValue }, graph }) => {
      const doubles = new Doubles(graph);
      const [image, boxes, boxInd] = [inputs.get("image"), inputs.get("boxes"), inputs.get("boxInd")];
      const [images, height, width, channels] = image.shape as [number, number, number, number];
      const crops = boxes.shape[0]!;
      const [rowCount, columnCount] = cropSize;

      const edges = dense(graph, toFloat(graph, boxes));
      const edge = (column: number): Value => {
        const at = graph.constant("int32", [1], Int32Array.of(column));
        const output = { dtype: "float32", shape: [crops, 1] } as const;
        return doubles.of(graph.node("Gather", [edges, at], output, { axis: int(1) }));
      };
      const axis = (start: number, size: number, count: number, shape: Shape): { taps: Tap[]; isInside: Value } => {
        const place = reshapeValue(graph, cropPlaces(doubles, edge(start), edge(start + 2), size, count), shape);
        const isInside = doubles.all(
          doubles.compare("GreaterOrEqual", place, 0),
          doubles.compare("LessOrEqual", place, size - 1),
        );
        const inside = doubles.choose(isInside, place, 0);
        if (method === "nearest") {
          return { isInside, taps: [{ at: doubles.whole(doubles.apply("Floor", doubles.apply("Add", inside, 0.5))) }] };
        }
        const low = doubles.apply("Floor", inside);
        const share = reshapeValue(graph, doubles.apply("Sub", inside, low), [...shape, 1]);
        const taps = [
          { at: doubles.whole(low), weight: doubles.apply("Sub", 1, share) },
          { at: doubles.whole(doubles.apply("Ceil", inside)), weight: share },
        ];
        return { isInside, taps };
      };
      const rows = axis(0, height, rowCount, [crops, rowCount, 1]);
      const columns = axis(1, width, columnCount, [crops, 1, columnCount]);

      // A box of an image that is not there gives zeros.
      const which = dense(graph, boxInd);
      const all = graph.constant("int32", [], Int32Array.of(images));
      const exists = graph.node("Less", [which, all], { dtype: "bool", shape: which.shape });
      const none = graph.constant("int32", [], Int32Array.of(0));
      const chosen = graph.node("Where", [exists, which, none], { dtype: "int32", shape: which.shape });
      const first = reshapeValue(graph, chosen, [crops, 1, 1]);

      const pixels = dense(graph, reshape(graph, toFloat(graph, image), [images * height * width, channels]));
      const output = { dtype: "float32", shape: [crops, rowCount, columnCount, channels] } as const;
      const cropped = blend(doubles, rows.taps, columns.taps, (row, column) => {
        const at = index(graph, index(graph, first, height, row.at), width, column.at);
        return doubles.of(graph.node("Gather", [pixels, at], output, { axis: int(0) }));
      });
      const isInside = reshapeValue(graph, doubles.all(rows.isInside, columns.isInside), [
        ...[crops, rowCount, columnCount, 1],
      ]);
      const whole = doubles.choose(isInside, cropped, extrapolationValue);
      const result = doubles.choose(reshapeValue(graph, exists, [crops, 1, 1, 1]), whole, 0);
      return operand(doubles.toFloat(result), "float32");
    },
  ),

  lowering<tf.TransformAttrs>(
    "Transform",
    [
      ...(["Gather", "GatherND", "Add", "Sub", "Mul", "Div", "Neg", "Floor", "Max", "Min", "And", "Where"] as const),
      ...(["Equal", "Less", "Greater", "GreaterOrEqual"] as const),
    ],
    ({ inputs, attributes: { interpolation, fillMode, fillValue, outputShape }, graph }) => {
      const doubles = new Doubles(graph);
      const [image, transforms] = [inputs.get("image"), inputs.get("transforms")];
      const [images, height, width, channels] = image.shape as [number, number, number, number];
      const [rowCount, columnCount] = outputShape ?? [height, width];
      const sets = transforms.shape[0]!;
      const samples = [sets, rowCount, columnCount];

      const numbers = dense(graph, toFloat(graph, transforms));
      const coefficient = (column: number): Value => {
        const at = graph.constant("int32", [1], Int32Array.of(column));
        const taken = graph.node("Gather", [numbers, at], { dtype: "float32", shape: [sets, 1] }, { axis: int(1) });
        return reshapeValue(graph, doubles.of(taken), [sets, 1, 1]);
      };
      const [x, y] = [doubles.upTo(columnCount, 0), doubles.upTo(rowCount, 1)];
      const linear = (column: number): Value =>
        doubles.apply(
          "Add",
          doubles.apply("Mul", coefficient(column), x),
          doubles.apply("Mul", coefficient(column + 1), y),
        );
      const projection = doubles.apply("Add", linear(6), 1);
      const place = (column: number, size: number): Value => {
        const onPlane = doubles.apply("Add", linear(column), coefficient(column + 2));
        return mapPlaces(doubles, doubles.apply("Div", onPlane, projection), size, fillMode);
      };
      const tap = (at: Value, size: number, weight?: Value): Tap => {
        const exists = doubles.all(doubles.compare("GreaterOrEqual", at, 0), doubles.compare("Less", at, size));
        const known = { exists, at: doubles.whole(doubles.choose(exists, at, 0)) };
        return weight ? { ...known, weight: reshapeValue(graph, weight, [...samples, 1]) } : known;
      };
      const taps = (column: number, size: number): Tap[] => {
        const at = place(column, size);
        if (interpolation === "nearest") return [tap(doubles.apply("Floor", doubles.apply("Add", at, 0.5)), size)];
        const low = doubles.apply("Floor", at);
        const high = doubles.apply("Add", low, 1);
        return [tap(low, size, doubles.apply("Sub", high, at)), tap(high, size, doubles.apply("Sub", at, low))];
      };

      const pixels = reshape(graph, toFloat(graph, image), [images, height * width, channels]);
      const shape = [images, rowCount, columnCount, channels];
      const read = (at: Value): Value => {
        const count = rowCount * columnCount;
        if (sets !== 1)
          return gatherRows(graph, pixels, operand(reshapeValue(graph, at, [sets, count]), "int32")).value;
        const output = { dtype: "float32", shape: [images, count, channels] } as const;
        return graph.node("Gather", [dense(graph, pixels), reshapeValue(graph, at, [count])], output, { axis: int(1) });
      };
      const sampled = blend(doubles, taps(3, height), taps(0, width), (row, column) => {
        const value = doubles.of(reshapeValue(graph, read(index(graph, row.at, width, column.at)), shape));
        const exists = reshapeValue(graph, doubles.all(row.exists!, column.exists!), [...samples, 1]);
        return doubles.choose(exists, value, fillValue);
      });
      const isNowhere = reshapeValue(graph, doubles.compare("Equal", projection, 0), [...samples, 1]);
      return operand(doubles.toFloat(doubles.choose(isNowhere, fillValue, sampled)), "float32");
    },
  ),

  // The angle is a number, so that each pixel's source is known while tracing.
  lowering<tf.RotateWithOffsetAttrs>(
    "RotateWithOffset",
    ["Gather", "Where"],
    ({ inputs, attributes: { radians, fillValue, center }, graph }) => {
      const image = inputs.get("image");
      const [images, height, width, channels] = image.shape as [number, number, number, number];
      const [centerX, centerY] = tf.backend_util.getImageCenter(center, height, width);
      const [sine, cosine] = [Math.sin(radians), Math.cos(radians)];
      const sources = Array.from({ length: height * width }, (_, i) => {
        const [x, y] = [(i % width) - centerX, Math.floor(i / width) - centerY];
        const [column, row] = [
          Math.round(x * cosine - y * sine + centerX),
          Math.round(x * sine + y * cosine + centerY),
        ];
        return column >= 0 && column < width && row >= 0 && row < height ? row * width + column : undefined;
      });
      const count = sources.length;
      const at = graph.constant(
        "int32",
        [count],
        Int32Array.from(sources, (source) => source ?? 0),
      );
      const pixels = dense(graph, reshape(graph, image, [images, count, channels]));
      const taken = graph.node("Gather", [pixels, at], { dtype: pixels.dtype, shape: pixels.shape }, { axis: int(1) });
      const isInside = constantOperand(
        graph,
        Uint8Array.from(sources, (source) => +(source !== undefined)),
        [count, 1],
        "bool",
      );
      const fill = rotationFill(fillValue, channels);
      const background = constantOperand(
        graph,
        image.dtype === "float32" ? Float32Array.from(fill) : Int32Array.from(fill),
        [channels],
        image.dtype === "float32" ? "float32" : "int32",
      );
      const rotated = choose(graph, isInside, operand(taken, image.dtype), background);
      return reshape(graph, rotated, image.shape);
    },
  ),
];
