/**
 * The architecture and priors of one AIR model: everything that decides its tensor shapes and its densities.
 *
 * Names follow Eslami et al., "Attend, Infer, Repeat" (NIPS 2016). Training hyper-parameters are not here.
 */
import { z } from "zod";
import { upgradeAirConfig } from "./config-upgrade.js";
import { ConfigError, type ConfigIssue } from "./errors.js";
import { modelLimits } from "./limits.js";

const units = z.int().positive().max(modelLimits.units);
const side = z.int().positive().max(modelLimits.imageSize);
/** A number of the densities. Within these limits, far from what anybody needs, float32 holds its square and its reciprocal. */
const number = z.number().min(-1e6).max(1e6);
const positive = z.number().min(1e-6).max(1e6);
const triple = z.tuple([number, number, number]);
const positiveTriple = z.tuple([positive, positive, positive]);

/** How objects on one canvas become an image. */
const likelihoodSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("gaussian"),
    /** Standard deviation of a pixel, in units of the [0, 1] intensity range. */
    std: positive.default(0.3),
  }),
  /** For images that are black and white, or nearly so; a pixel between counts as that share of a white one. */
  z.strictObject({
    type: z.literal("bernoulli"),
    /**
     * How the canvas stays a probability where objects overlap:
     * `union`: a pixel is lit if any object lights it, 1 - Π(1 - layer);
     * `clamp`: the sum of the layers cut off at 1, the form of the reference implementation, without a gradient above.
     */
    canvas: z.enum(["union", "clamp"]).default("union"),
    /** Probability that a pixel is the opposite of what the canvas says; it bounds what one pixel can cost. */
    pixelNoise: z.number().gte(0).lt(0.5).default(0.05),
  }),
]);

/** The schema of {@link Convolution}. */
export const convolutionSchema = z.strictObject({
  /** Side of its square kernel, pooled pixels. */
  kernel: side,
  /** Pooled pixels from one place of the kernel to the next; it never leaves the image. */
  stride: side,
  /** Channels of its output, and then of 1×1 convolutions behind it. */
  channels: z.array(units).min(1).max(modelLimits.convolutions),
});

/** A convolution of the pooled image with ReLUs, whose outputs the embedding sees in the image's place. */
export type Convolution = z.output<typeof convolutionSchema>;

const convolution = convolutionSchema.nullable().default(null);

/** What the recurrent network sees. */
const lstmInputSchema = z.discriminatedUnion(
  "type",
  [
    /** All of the image, at every step. */
    z.strictObject({ type: z.literal("image"), convolution }),
    /**
     * The image less the canvas so far: what is left to explain. The canvas is taken off behind the first layer, which must
     * be linear for that: so there is no convolution.
     */
    z.strictObject({ type: z.literal("remainder") }),
    /** Both, the remainder through the same embedding, convolution included, to gates of its own. */
    z.strictObject({ type: z.literal("image-and-remainder"), convolution }),
  ],
  { error: "must have type image, remainder or image-and-remainder" },
);

/** The convolution through which the recurrent network sees the image; null if there is none. */
export function convolutionOf(lstmInput: z.output<typeof lstmInputSchema>): Convolution | null {
  return lstmInput.type === "remainder" ? null : lstmInput.convolution;
}

/** The schema of the network that a step proposes presence and window with. */
export const stepNetworkSchema = z.discriminatedUnion(
  "type",
  [
    /** An LSTM that sees the whole image at once, the form of the paper. Its sizes are `lstmInput`, `lstmSize` and others. */
    z.strictObject({ type: z.literal("lstm") }),
    /**
     * Two convolutions over the image and the remainder, both pooled, with one value for each place: how many nats an
     * object drawn there would gain. The step looks at the best place. It has no memory, and its parameters fit any image
     * size: every step asks the same question of what is left, so it goes on counting where training ended.
     */
    z.strictObject({
      type: z.literal("local"),
      /** Side of the first convolution's square kernel, pooled pixels; odd. */
      kernel: side.refine((value) => value % 2 === 1, { error: "must be odd" }).default(9),
      /** Pooled pixels from one place to the next. */
      stride: side.default(2),
      /** Side of the second convolution's square kernel, places; odd. */
      contextKernel: side.refine((value) => value % 2 === 1, { error: "must be odd" }).default(3),
      /** Channels of the two convolutions. */
      channels: z.tuple([units, units], { error: "must be the channels of two convolutions" }).default([32, 64]),
    }),
  ],
  { error: "must have type lstm or local" },
);

/** A step network of type local. */
export type LocalStepNetwork = Extract<z.output<typeof stepNetworkSchema>, { readonly type: "local" }>;

/** How the network's output becomes the posterior of z_where. */
const whereSchema = z.discriminatedUnion(
  "type",
  [
    /** mean = prior mean + raw, std = prior std · softplus(raw). */
    z.strictObject({ type: z.literal("prior-offset") }),
    /** mean = raw, std = softplus(raw), the form of the reference implementation. */
    z.strictObject({ type: z.literal("absolute") }),
    /**
     * As prior-offset, but of three unbounded numbers; `zWhereFromLatent` makes of them a window with a side within bounds
     * and its centre in the image.
     */
    z.strictObject({
      type: z.literal("bounded"),
      /** Least and greatest side of a window, pixels. */
      side: z
        .tuple([positive, positive], { error: "must be two sides, the smaller first" })
        .refine(([least, greatest]) => least < greatest, { error: "must be two sides, the smaller first" }),
      /** Whether sides are nearly uniform under the prior, or their logarithms. */
      spacing: z.enum(["linear", "logarithmic"]).default("linear"),
      /**
       * How a latent number x becomes a coordinate of the centre, which is -1 and 1 at the edges of the image: `squashed` by
       * tanh, so that it never leaves the image, or `free`: x itself.
       */
      centre: z.enum(["squashed", "free"]).default("squashed"),
    }),
  ],
  { error: "must have type prior-offset, absolute or bounded" },
);

/** The schema of {@link AirConfig}: forms, defaults, and which settings go together. */
export const airConfigSchema = z
  .strictObject({
    /** Side S of the square image, pixels. */
    imageSize: side.default(50),
    /** Channels C: 1 for grey, 3 for RGB. */
    channels: z.int().positive().max(modelLimits.channels).default(1),
    /** Side O of the square object window (glimpse and patch), pixels. */
    objectSize: side.default(28),
    /** Most objects T the model looks for in one image. */
    maxSteps: z.int().positive().max(modelLimits.maxSteps).default(3),
    /** Dimensions Z of the appearance code z_what. */
    zWhatSize: units.default(50),
    /** The network that a step proposes presence and window with. */
    stepNetwork: stepNetworkSchema.default({ type: "lstm" }),
    /** Side, in pixels, of the squares whose mean intensities the step network sees; divides imageSize. */
    imagePooling: side.default(1),
    /** Units of a hidden layer of ReLUs between the image and the LSTM; 0 for none. */
    embeddingSize: z.int().nonnegative().max(modelLimits.units).default(0),
    /** What the LSTM sees, and through which convolution. */
    lstmInput: lstmInputSchema.default({ type: "image", convolution: null }),
    /** What the glimpse is a window of: the image, or what the canvas so far leaves of it. */
    glimpseInput: z.enum(["image", "remainder"]).default("image"),
    /** Units H of the LSTM. */
    lstmSize: units.default(256),
    /** Units of the hidden layer between the LSTM, or the best place's features, and presence and where. */
    predictorSize: units.default(200),
    /** Units of the hidden layer of the glimpse encoder. */
    encoderSize: units.default(200),
    /** Units of the hidden layer of the patch decoder. */
    decoderSize: units.default(200),
    /** Added to the decoder's logits, so that an untrained patch is nearly black. */
    decoderBias: number.default(-2),
    likelihood: likelihoodSchema.default({ type: "gaussian", std: 0.3 }),
    prior: z
      .strictObject({
        /** Probability that one more object is present, per step. */
        presence: z.number().gt(0).lt(1).default(0.01),
        /**
         * Mean and standard deviation of z_where = (s, x, y); if `where` is bounded, of the unbounded
         * numbers behind it, where standard normals make sides and centres nearly uniform.
         */
        whereMean: triple.default([3, 0, 0]),
        whereStd: positiveTriple.default([0.2, 1, 1]),
      })
      .prefault({}),
    /** Parameterisation of z_where, with the bounds of its windows if they have any. */
    where: whereSchema.default({ type: "prior-offset" }),
  })
  .refine(({ channels, imageSize }) => channels * imageSize ** 2 <= modelLimits.imageValues, {
    message: `an image must have at most ${modelLimits.imageValues} values, channels · imageSize²`,
    path: ["imageSize"],
  })
  .refine(({ maxSteps, channels, imageSize }) => maxSteps * channels * imageSize ** 2 <= modelLimits.canvasValues, {
    message: `the canvases of all steps must have at most ${modelLimits.canvasValues} values, maxSteps · channels · imageSize²`,
    path: ["maxSteps"],
  })
  .refine(({ maxSteps, zWhatSize }) => maxSteps * zWhatSize <= modelLimits.noiseValues, {
    message: `the noise of all steps must have at most ${modelLimits.noiseValues} values, maxSteps · zWhatSize`,
    path: ["maxSteps"],
  })
  .refine((config) => config.objectSize <= config.imageSize, {
    message: "objectSize must not exceed imageSize",
    path: ["objectSize"],
  })
  .refine((config) => config.imageSize % config.imagePooling === 0, {
    message: "imagePooling must divide imageSize",
    path: ["imagePooling"],
  })
  .refine(
    ({ stepNetwork, where }) => stepNetwork.type === "lstm" || (where.type === "bounded" && where.centre === "free"),
    { message: "must be of type bounded, its centre free, if the step network is local", path: ["where"] },
  )
  .refine(
    ({ stepNetwork, imageSize, imagePooling }) =>
      stepNetwork.type === "lstm" || stepNetwork.kernel <= imageSize / imagePooling,
    { message: "kernel must not exceed the side of the pooled image", path: ["stepNetwork", "kernel"] },
  )
  .refine(
    ({ lstmInput, imageSize, imagePooling }) => (convolutionOf(lstmInput)?.kernel ?? 1) <= imageSize / imagePooling,
    { message: "kernel must not exceed the side of the pooled image", path: ["lstmInput", "convolution"] },
  );

/** A complete, valid model configuration: every default is filled in. */
export type AirConfig = z.output<typeof airConfigSchema>;
/** A model configuration as a user writes it: what is left out gets its default. */
export type AirConfigInput = z.input<typeof airConfigSchema>;

/** The model configuration with every setting at its default. */
export function defaultAirConfig(): AirConfig {
  return airConfigSchema.parse({});
}

/**
 * Fills defaults and validates. Configurations of the first form are read too, see {@link upgradeAirConfig}.
 *
 * @throws {ConfigError} naming every offending key and what was expected of it.
 */
export function parseAirConfig(input: AirConfigInput | unknown): AirConfig {
  const what = "model configuration";
  return parseWith(airConfigSchema, upgradeAirConfig(input, defaultAirConfig(), what), what);
}

/** An error names so many offending keys, each in so many characters: what is wrong may be as long as the input. */
const MAX_REASONS = 20;
const MAX_REASON_LENGTH = 500;

/** Validates `input` by `schema`; a failure names `what`, each offending key and the reason. */
export function parseWith<S extends z.ZodType>(schema: S, input: unknown, what: string): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const { issues } = result.error;
  const reasons = issues.slice(0, MAX_REASONS).map((issue) => {
    return shortened(`  ${issue.path.join(".") || "(top level)"}: ${issue.message}`);
  });
  if (issues.length > MAX_REASONS) reasons.push(`  and ${issues.length - MAX_REASONS} more`);
  throw new ConfigError(`Invalid ${what}:\n${reasons.join("\n")}`, {
    source: what,
    issues: issues.slice(0, MAX_REASONS).flatMap(configIssues).slice(0, MAX_REASONS),
  });
}

/** One for each key: zod tells the unknown keys of one object together. */
function configIssues(issue: z.core.$ZodIssue): ConfigIssue[] {
  const { path, message } = issue;
  const keyOf = (names: readonly PropertyKey[]): string => shortened(names.join("."));
  if (issue.code !== "unrecognized_keys") {
    return [{ kind: "invalid", key: keyOf(path), message: shortened(message) }];
  }
  return issue.keys
    .slice(0, MAX_REASONS)
    .map((key) => ({ kind: "unknown", key: keyOf([...path, key]), message: "there is no such setting" }));
}

function shortened(text: string): string {
  return text.length > MAX_REASON_LENGTH ? `${text.slice(0, MAX_REASON_LENGTH)}…` : text;
}
