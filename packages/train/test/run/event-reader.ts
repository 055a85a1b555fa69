/**
 * Reads TensorBoard's event files with nothing of what writes them: checksums bit by bit, protocol buffers by their wire
 * format (https://protobuf.dev/programming-guides/encoding).
 */

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly sessionStatus?: number;
  readonly scalars: Readonly<Record<string, number>>;
  readonly images: Readonly<Record<string, { width: number; height: number; png: Uint8Array }>>;
}

/** @throws {Error} if a checksum is wrong or a record is cut short */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const events: ReadEvent[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    check(file.subarray(at, at + 8), view.getUint32(at + 8, true));
    const data = file.subarray(at + 12, at + 12 + length);
    check(data, view.getUint32(at + 12 + length, true));
    events.push(readEvent(data));
    at += 16 + length;
  }
  return events;
}

export function bitwiseCrc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    for (let bit = 0; bit < 8; bit++) {
      const carry = (crc ^ (byte >>> bit)) & 1;
      crc = (crc >>> 1) ^ (carry ? 0x82f63b78 : 0);
    }
  }
  return ~crc >>> 0;
}

function check(data: Uint8Array, masked: number): void {
  const rotated = (masked - 0xa282ead8) >>> 0;
  const crc = ((rotated << 15) | (rotated >>> 17)) >>> 0;
  if (crc !== bitwiseCrc32c(data)) throw new Error("A checksum is wrong");
}

interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array;
}

function* fields(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const number = key >>> 3;
    const start = at;
    const none = new Uint8Array();
    switch (key & 7) {
      case 0:
        yield { number, value: varint(), bytes: none };
        break;
      case 1:
        take(8);
        yield { number, value: view.getFloat64(start, true), bytes: none };
        break;
      case 2:
        yield { number, value: Number.NaN, bytes: take(varint()) };
        break;
      case 5:
        take(4);
        yield { number, value: view.getFloat32(start, true), bytes: none };
        break;
      default:
        throw new Error(`A field of wire type ${key & 7}`);
    }
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function readEvent(message: Uint8Array): ReadEvent {
  const event: { -readonly [K in keyof ReadEvent]: ReadEvent[K] } = { wallTime: 0, step: 0, scalars: {}, images: {} };
  for (const { number, value, bytes } of fields(message)) {
    if (number === 1) event.wallTime = value;
    if (number === 2) event.step = value;
    if (number === 3) event.fileVersion = text(bytes);
    if (number === 7) event.sessionStatus = [...fields(bytes)][0]!.value;
    if (number !== 5) continue;
    for (const summary of fields(bytes)) {
      const parts = new Map([...fields(summary.bytes)].map((part) => [part.number, part]));
      const tag = text(parts.get(1)!.bytes);
      const scalar = parts.get(2);
      if (scalar) event.scalars = { ...event.scalars, [tag]: scalar.value };
      const image = parts.get(4);
      if (!image) continue;
      const of = new Map([...fields(image.bytes)].map((part) => [part.number, part]));
      const read = { height: of.get(1)!.value, width: of.get(2)!.value, png: Uint8Array.from(of.get(4)!.bytes) };
      event.images = { ...event.images, [tag]: read };
    }
  }
  return event;
}
