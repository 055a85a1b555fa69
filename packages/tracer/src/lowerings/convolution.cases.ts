/** Cases of the convolutions and their gradients. */
import * as tf from "@tensorflow/tfjs";
import { BATCH, floats, type LoweringCase } from "./lowering.cases.js";

type Settings = readonly [
  about: string,
  strides: number | [number, number],
  pad: "same" | "valid" | number | [[number, number], [number, number], [number, number], [number, number]],
  dilations: number,
];

const settings: readonly Settings[] = [
  ["valid", 1, "valid", 1],
  ["same", 1, "same", 1],
  ["strides leave a rest", 2, "valid", 1],
  ["same, uneven strides", [2, 3], "same", 1],
  ["a number of zeros around", 2, 1, 1],
  [
    "zeros given for each side",
    1,
    [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ],
    1,
  ],
];

const asImages = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;
const asVolumes = (x: tf.Tensor | undefined): tf.Tensor5D => x as tf.Tensor5D;
const activations = ["linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu", "prelu"] as const;

/** The gradient of the sum of squares by input `by`. */
function gradient(op: (x: tf.Tensor, filter: tf.Tensor) => tf.Tensor, by: 0 | 1): LoweringCase["run"] {
  return (x, filter) => tf.grads((a, b) => tf.sum(tf.square(op(a!, b!))))([x!, filter!])[by]!;
}

export const convolutionCases: LoweringCase[] = [
  ...settings.flatMap(([about, strides, pad, dilations]): LoweringCase[] => [
    {
      kernel: "Conv2D",
      about,
      inputs: [floats([BATCH, 6, 7, 2]), floats([3, 2, 2, 3])],
      run: (x, filter) => tf.conv2d(asImages(x), asImages(filter), strides, pad, "NHWC", dilations),
      gradient: true,
    },
    {
      kernel: "DepthwiseConv2dNative",
      about,
      inputs: [floats([BATCH, 6, 7, 2]), floats([3, 2, 2, 2])],
      run: (x, filter) => tf.depthwiseConv2d(asImages(x), asImages(filter), strides as number, pad, "NHWC", dilations),
      gradient: true,
    },
  ]),
  {
    kernel: "Conv2D",
    about: "dilated",
    inputs: [floats([BATCH, 7, 7, 2]), floats([3, 2, 2, 3])],
    run: (x, filter) => tf.conv2d(asImages(x), asImages(filter), 1, "same", "NHWC", [2, 3]),
    expect: ["Transpose", "Transpose", "Conv", "Transpose"],
  },
  {
    kernel: "DepthwiseConv2dNative",
    about: "dilated",
    inputs: [floats([BATCH, 7, 7, 2]), floats([3, 2, 2, 1])],
    run: (x, filter) => tf.depthwiseConv2d(asImages(x), asImages(filter), 1, "same", "NHWC", 2),
    expect: ["Transpose", "Transpose", "Conv", "Transpose"],
  },
  {
    kernel: "Conv2D",
    about: "channels first",
    inputs: [floats([BATCH, 2, 5, 5]), floats([3, 3, 2, 3])],
    run: (x, filter) => tf.conv2d(asImages(x), asImages(filter), 1, "same", "NCHW"),
    expect: ["Transpose", "Conv"],
  },
  {
    kernel: "Conv2D",
    about: "one picture without a batch",
    inputs: [floats([5, 5, 1]), floats([1, 1, 1, 2])],
    run: (x, filter) => tf.conv2d(x as tf.Tensor3D, asImages(filter), 1, "valid"),
    gradient: true,
  },
  {
    kernel: "Conv2D",
    about: "one dimension",
    inputs: [floats([BATCH, 8, 2]), floats([3, 2, 4])],
    run: (x, filter) => tf.conv1d(x as tf.Tensor3D, filter as tf.Tensor3D, 2, "same"),
    gradient: true,
    expect: ["Reshape", "Reshape", "Transpose", "Transpose", "Conv", "Transpose", "Reshape"],
  },
  {
    kernel: "Conv2DBackpropInput",
    about: "tf.conv2dTranspose",
    inputs: [floats([BATCH, 3, 3, 2]), floats([3, 3, 4, 2])],
    run: (x, filter) => tf.conv2dTranspose(asImages(x), asImages(filter), [x!.shape[0]!, 6, 6, 4], 2, "same"),
    gradient: true,
    expect: ["Transpose", "Transpose", "ConvTranspose", "Transpose"],
  },
  {
    kernel: "Conv2DBackpropFilter",
    about: "called as a gradient",
    inputs: [floats([2, 5, 5, 2]), floats([2, 2, 2, 3])],
    run: gradient((x, filter) => tf.conv2d(asImages(x), asImages(filter), 1, "valid"), 1),
  },
  {
    kernel: "DepthwiseConv2dNativeBackpropInput",
    about: "called as a gradient",
    inputs: [floats([2, 5, 5, 2]), floats([2, 2, 2, 1])],
    run: gradient((x, filter) => tf.depthwiseConv2d(asImages(x), asImages(filter), 1, "same"), 0),
  },
  {
    kernel: "DepthwiseConv2dNativeBackpropFilter",
    about: "called as a gradient",
    inputs: [floats([2, 5, 5, 2]), floats([2, 2, 2, 1])],
    run: gradient((x, filter) => tf.depthwiseConv2d(asImages(x), asImages(filter), 1, "same"), 1),
  },
  ...activations.flatMap((activation): LoweringCase[] => [
    {
      kernel: "FusedConv2D",
      about: activation,
      inputs: [floats([BATCH, 4, 4, 2]), floats([3, 3, 2, 3]), floats([3]), floats([3], 0.1, 0.5)],
      run: (x, filter, bias, slope) =>
        tf.fused.conv2d({
          x: asImages(x),
          filter: asImages(filter),
          strides: 1,
          pad: "same",
          bias: bias!,
          activation,
          leakyreluAlpha: 0.3,
          ...(activation === "prelu" ? { preluActivationWeights: slope! } : {}),
        }),
    },
  ]),
  ...activations.map((activation): LoweringCase => {
    return {
      kernel: "FusedDepthwiseConv2D",
      about: activation,
      inputs: [floats([BATCH, 4, 4, 2]), floats([3, 3, 2, 1]), floats([2]), floats([2], 0.1, 0.5)],
      run: (x, filter, bias, slope) =>
        tf.fused.depthwiseConv2d({
          x: asImages(x),
          filter: asImages(filter),
          strides: 1,
          pad: "same",
          bias: bias!,
          activation,
          leakyreluAlpha: 0.3,
          ...(activation === "prelu" ? { preluActivationWeights: slope! } : {}),
        }),
    };
  }),
  ...(["valid", "same"] as const).map((pad): LoweringCase => {
    return {
      kernel: "Conv3D",
      about: pad,
      inputs: [floats([BATCH, 3, 4, 4, 2]), floats([2, 2, 3, 2, 2])],
      run: (x, filter) => tf.conv3d(asVolumes(x), asVolumes(filter), [1, 2, 2], pad),
      gradient: true,
    };
  }),
  {
    kernel: "Conv3DBackpropInputV2",
    about: "tf.conv3dTranspose",
    inputs: [floats([BATCH, 2, 2, 2, 2]), floats([2, 2, 2, 1, 2])],
    run: (x, filter) => tf.conv3dTranspose(asVolumes(x), asVolumes(filter), [x!.shape[0]!, 4, 4, 4, 1], 2, "same"),
    expect: ["Transpose", "Transpose", "ConvTranspose", "Transpose"],
  },
  {
    kernel: "Conv3DBackpropFilterV2",
    about: "called as a gradient",
    inputs: [floats([1, 3, 3, 3, 1]), floats([2, 2, 2, 1, 2])],
    run: gradient((x, filter) => tf.conv3d(asVolumes(x), asVolumes(filter), 1, "valid"), 1),
  },
];
