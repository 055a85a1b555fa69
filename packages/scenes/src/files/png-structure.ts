/**
 * Checks PNG files before their pixels are decoded (PNG specification, third edition): every chunk must be whole, with the
 * right checksum, in an order that the specification allows, and the compressed data must unpack to exactly as many bytes
 * as the header says. Decoders that check less return undefined pixels, or take memory without bound.
 */
import { inflateSync } from "node:zlib";
import { tooLargeInWords } from "@air-onnx/core/picture-file";
import { crc32 } from "./crc32.js";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Bytes of a chunk's length, type and CRC. */
const CHUNK_OVERHEAD = 12;
/** Most chunks: 64 times as many as 64 MB of data take in chunks of 64 KB. Each costs the decoder an object. */
const MAX_CHUNKS = 2 ** 16;
/** Most bytes that deflate can make of one: its densest code is a run of 258 bytes in two bits. */
const MAX_EXPANSION = 1032;
/** The bits of a sample that each colour type allows, and its samples in a pixel. */
const COLOUR_TYPES: Readonly<Record<number, { depths: readonly number[]; samples: number }>> = {
  0: { depths: [1, 2, 4, 8, 16], samples: 1 },
  2: { depths: [8, 16], samples: 3 },
  3: { depths: [1, 2, 4, 8], samples: 1 },
  4: { depths: [8, 16], samples: 2 },
  6: { depths: [8, 16], samples: 4 },
};
const PALETTE = 3;
const INTERLACED = 1;
/** The first pixel and the step of each pass of Adam7 (specification, 8.1). */
const ADAM7_PASSES = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlace: number;
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
  /** All bytes of the chunk, with its length and CRC. */
  readonly bytes: Buffer;
}

/** The chunks that pixels depend on, by type, in the order of the file. */
type NeededChunks = Readonly<Record<"IHDR" | "PLTE" | "tRNS" | "IDAT" | "IEND", Chunk[]>>;

type Fail = (reason: string) => never;

/**
 * Checks a PNG file. Bytes behind its end are ignored.
 *
 * @param fail throws an error with the given reason
 * @returns a PNG file with the same pixels, without the chunks that no pixel depends on
 */
export function checkPng(file: Buffer, fail: Fail): Buffer {
  if (file.length === 0) fail("the file is empty");
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE.subarray(0, file.length))) {
    fail("it is another kind of file");
  }
  const needed: NeededChunks = { IHDR: [], PLTE: [], tRNS: [], IDAT: [], IEND: [] };
  let header: Header | undefined;
  let previous = "";
  for (const chunk of chunksOf(file, fail)) {
    const { type } = chunk;
    if (!header) header = parseHeader(chunk, fail);
    else checkChunk(chunk, header, needed, previous, fail);
    if (isNeeded(type)) needed[type].push(chunk);
    // The fifth bit of a type's first letter marks a chunk that a reader may ignore.
    else if ((type.charCodeAt(0) & 0x20) === 0) fail(`its chunk ${type} is not known, and no reader may pass over it`);
    previous = type;
  }
  const { IHDR, PLTE, tRNS, IDAT, IEND } = needed;
  if (!header || IDAT.length === 0) return fail("it has no pixels: there is no IDAT chunk");
  if (header.colourType === PALETTE && PLTE.length === 0) fail("it has no palette (PLTE), though its colours need one");
  checkPixelData(Buffer.concat(IDAT.map(({ data }) => data)), header, fail);
  return Buffer.concat([SIGNATURE, ...[IHDR, PLTE, tRNS, IDAT, IEND].flat().map(({ bytes }) => bytes)]);
}

function isNeeded(type: string): type is keyof NeededChunks {
  return type === "IHDR" || type === "PLTE" || type === "tRNS" || type === "IDAT" || type === "IEND";
}

/** Yields the chunks up to IEND, each whole and with the right CRC. */
function* chunksOf(file: Buffer, fail: Fail): Generator<Chunk> {
  let start = SIGNATURE.length;
  for (let count = 1; ; count++) {
    if (count > MAX_CHUNKS) fail(`it has more than ${MAX_CHUNKS} chunks`);
    const end = start + CHUNK_OVERHEAD <= file.length ? start + CHUNK_OVERHEAD + file.readUInt32BE(start) : Infinity;
    if (end > file.length) fail(`it is truncated after ${file.length} bytes`);
    const type = file.toString("latin1", start + 4, start + 8);
    if (!/^[A-Za-z]{4}$/.test(type)) fail(`it is damaged: the chunk at byte ${start} has no type`);
    if (crc32(file.subarray(start + 4, end - 4)) !== file.readUInt32BE(end - 4)) {
      fail(`it is damaged: the checksum (CRC-32) of its chunk ${type} at byte ${start} is wrong`);
    }
    yield { type, data: file.subarray(start + 8, end - 4), bytes: file.subarray(start, end) };
    if (type === "IEND") return;
    start = end;
  }
}

function parseHeader({ type, data }: Chunk, fail: Fail): Header {
  if (type !== "IHDR" || data.length !== 13) return fail("its first chunk is not the header (IHDR, 13 bytes)");
  const [width, height] = [data.readUInt32BE(0), data.readUInt32BE(4)];
  const [depth, colourType, compression, filter, interlace] = data.subarray(8) as unknown as [
    depth: number,
    colourType: number,
    compression: number,
    filter: number,
    interlace: number,
  ];
  if (width === 0 || height === 0) fail(`it is ${width}x${height}: it has no pixels`);
  const tooLarge = tooLargeInWords({ width, height });
  if (tooLarge !== undefined) fail(tooLarge);
  if (!COLOUR_TYPES[colourType]?.depths.includes(depth)) {
    fail(`its header is wrong: there is no colour type ${colourType} with ${depth} bits a sample`);
  }
  if (compression !== 0 || filter !== 0 || interlace > INTERLACED) {
    fail(`its header is wrong: compression ${compression}, filter ${filter}, interlace ${interlace} are not known`);
  }
  return { width, height, depth, colourType, interlace };
}

/** Checks the place and length of a chunk behind the header. */
function checkChunk(chunk: Chunk, header: Header, needed: NeededChunks, previous: string, fail: Fail): void {
  const { type, data } = chunk;
  const { IDAT } = needed;
  if (type === "IHDR") fail("it has two headers (IHDR)");
  if (type === "IDAT" && IDAT.length > 0 && previous !== "IDAT") fail("its IDAT chunks do not follow each other");
  if (type === "IEND" && data.length > 0) fail("its last chunk (IEND) is not empty");
  if (type === "PLTE") checkPalette(data, header, needed, fail);
  if (type === "tRNS") checkTransparency(data, header, needed, fail);
}

function checkPalette(
  { length }: Buffer,
  { colourType, depth }: Header,
  { PLTE, tRNS, IDAT }: NeededChunks,
  fail: Fail,
): void {
  if (PLTE.length + tRNS.length + IDAT.length > 0) fail("its palette (PLTE) is in a wrong place");
  if (colourType === 0 || colourType === 4) fail("it has a palette (PLTE), though it is grey");
  const most = 2 ** (colourType === PALETTE ? depth : 8);
  if (length === 0 || length % 3 !== 0 || length > 3 * most) {
    fail(`its palette (PLTE) has ${length} bytes, expected 3 for each of 1 to ${most} colours`);
  }
}

function checkTransparency(
  { length }: Buffer,
  { colourType }: Header,
  { PLTE, tRNS, IDAT }: NeededChunks,
  fail: Fail,
): void {
  if (tRNS.length + IDAT.length > 0) fail("its transparency (tRNS) is in a wrong place");
  if (colourType === 4 || colourType === 6) fail("it has a transparent colour (tRNS) beside its alpha channel");
  const colours = (PLTE[0]?.data.length ?? 0) / 3;
  const fits = colourType === PALETTE ? length > 0 && length <= colours : length === 2 * samplesOf(colourType);
  if (!fits) fail(`its transparency (tRNS) has ${length} bytes, which does not fit its colours`);
}

/** Checks that the compressed data unpack to as many bytes as the header says, with the right checksum. */
function checkPixelData(packed: Buffer, header: Header, fail: Fail): void {
  const expected = filteredLength(header);
  // This comes before memory is allocated for the pixels.
  if (packed.length * MAX_EXPANSION < expected) {
    fail(`its pixels need ${expected} bytes, its compressed data (IDAT) are ${packed.length} bytes: it is truncated`);
  }
  let info: InflateInfo;
  try {
    // A single buffer, with room for one byte more so that zlib sees the end of the data.
    const options = { info: true, maxOutputLength: expected, chunkSize: Math.max(64, expected + 1) } as const;
    info = inflateSync(packed, options) as unknown as InflateInfo;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    fail(
      code === "ERR_BUFFER_TOO_LARGE"
        ? `it is damaged: its compressed data (IDAT) hold more than the ${expected} bytes of its pixels`
        : `it is damaged: its compressed data (IDAT) cannot be unpacked (${message})`,
    );
  }
  const found = info.buffer.length;
  if (found !== expected) {
    fail(`its pixels need ${expected} bytes, its compressed data (IDAT) hold ${found}: it is truncated`);
  }
  const used = info.engine.bytesWritten;
  if (used !== packed.length) {
    fail(`it is damaged: ${packed.length - used} bytes follow the end of its compressed data (IDAT)`);
  }
}

/** The result of zlib with its option `info`, which is missing in its types. */
interface InflateInfo {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** Bytes of all rows of all passes, each row with the byte before it that names its filter. */
function filteredLength({ width, height, depth, colourType, interlace }: Header): number {
  const passes = interlace === INTERLACED ? ADAM7_PASSES : [{ x: 0, y: 0, dx: 1, dy: 1 }];
  let bytes = 0;
  for (const { x, y, dx, dy } of passes) {
    const columns = Math.ceil((width - x) / dx);
    const rows = Math.ceil((height - y) / dy);
    if (columns > 0 && rows > 0) bytes += rows * (1 + Math.ceil((columns * samplesOf(colourType) * depth) / 8));
  }
  return bytes;
}

function samplesOf(colourType: number): number {
  return COLOUR_TYPES[colourType]!.samples;
}
