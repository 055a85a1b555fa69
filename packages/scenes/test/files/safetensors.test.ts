import { describe, expect, it } from "vitest";
import { SafetensorsError } from "../../src/errors.js";
import {
  decodeSafetensors,
  decodeSafetensorsHead,
  encodeSafetensors,
  type SafetensorsTensor,
  safetensorsChunks,
  safetensorsHead,
  safetensorsHeadLength,
} from "../../src/files/safetensors.js";

const SOURCE = "weights.safetensors";

/** A file with any header text and data, well formed or not. */
function file(header: unknown, data: ArrayLike<number> = [], headerLength?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength ?? json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const u8 = (begin: number, end: number) => ({ dtype: "U8", shape: [end - begin], data_offsets: [begin, end] });

describe("a round trip", () => {
  it("gives back every dtype, shape and bit", () => {
    const tensors: Record<string, SafetensorsTensor> = {
      f64: { dtype: "F64", shape: [2], data: Float64Array.of(Math.PI, -0) },
      f32: { dtype: "F32", shape: [2, 2], data: Float32Array.of(1.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** -149) },
      i64: { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 63n)) },
      u64: { dtype: "U64", shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
      i32: { dtype: "I32", shape: [3], data: Int32Array.of(-(2 ** 31), 0, 7) },
      u32: { dtype: "U32", shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
      i16: { dtype: "I16", shape: [1], data: Int16Array.of(-32768) },
      u16: { dtype: "U16", shape: [1], data: Uint16Array.of(65535) },
      i8: { dtype: "I8", shape: [1], data: Int8Array.of(-128) },
      u8: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 255) },
      bool: { dtype: "BOOL", shape: [2], data: Uint8Array.of(0, 1) },
      scalar: { dtype: "F32", shape: [], data: Float32Array.of(3) },
      empty: { dtype: "F32", shape: [0, 5], data: new Float32Array(0) },
      "név/1": { dtype: "U8", shape: [1], data: Uint8Array.of(9) },
    };
    const decoded = decodeSafetensors(encodeSafetensors(tensors, { step: "12", note: "ünïcode" }), SOURCE);
    expect(decoded.tensors).toEqual(tensors);
    expect(decoded.metadata).toEqual({ step: "12", note: "ünïcode" });
  });

  it("works for no tensors at all", () => {
    expect(decodeSafetensors(encodeSafetensors({}), SOURCE)).toEqual({ tensors: {}, metadata: {} });
  });

  it("stores a view of a larger array as just its part", () => {
    const whole = Float32Array.of(1, 2, 3, 4);
    const bytes = encodeSafetensors({ part: { dtype: "F32", shape: [2], data: whole.subarray(1, 3) } });
    expect(decodeSafetensors(bytes, SOURCE).tensors.part?.data).toEqual(Float32Array.of(2, 3));
  });

  it("reads bytes that are not aligned in their buffer", () => {
    const bytes = encodeSafetensors({ x: { dtype: "F64", shape: [2], data: Float64Array.of(1, 2) } });
    const shifted = Buffer.alloc(bytes.length + 3).subarray(3);
    shifted.set(bytes);
    expect(decodeSafetensors(shifted, SOURCE).tensors.x?.data).toEqual(Float64Array.of(1, 2));
  });
});

describe("the bytes", () => {
  it("are those the format's own Python writer makes", () => {
    // safetensors.numpy.save({"b": np.array([1, 2, 3], np.uint8), "a": np.array([[1.5]], np.float32)}, {"k": "v"}) of safetensors 0.8.0
    const expected =
      '{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}}';
    const padded = Math.ceil(expected.length / 8) * 8;
    const bytes = encodeSafetensors(
      {
        b: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
        a: { dtype: "F32", shape: [1, 1], data: Float32Array.of(1.5) },
      },
      { k: "v" },
    );
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(padded));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded))).toBe(expected.padEnd(padded, " "));
    expect([...bytes.subarray(8 + padded)]).toEqual([0, 0, 0xc0, 0x3f, 1, 2, 3]);
  });

  it("come as chunks that share the tensors' memory", () => {
    const data = Float32Array.of(1, 2);
    const chunks = safetensorsChunks({ x: { dtype: "F32", shape: [2], data } });
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(encodeSafetensors({ x: { dtype: "F32", shape: [2], data } })));
    expect(chunks[1]?.buffer).toBe(data.buffer);
  });

  it.each([
    ["too few elements", { dtype: "F32", shape: [3], data: new Float32Array(2) }, /"x": 2 elements .* \[3\]/],
    ["a negative size", { dtype: "F32", shape: [-1], data: new Float32Array(1) }, /"x": 1 elements .* \[-1\]/],
    ["the wrong array", { dtype: "I32", shape: [2], data: new Float32Array(2) }, /"x": data of Float32Array .* I32/],
  ])("are not made from %s", (_, tensor, message) => {
    expect(() => encodeSafetensors({ x: tensor as SafetensorsTensor })).toThrow(message);
  });

  it("are not made with a tensor under the metadata's name", () => {
    expect(() => encodeSafetensors({ __metadata__: { dtype: "U8", shape: [0], data: new Uint8Array(0) } })).toThrow(
      /__metadata__/,
    );
  });
});

describe("the head", () => {
  it("is the beginning of the file, and says where the tensors are", () => {
    const tensors: Record<string, SafetensorsTensor> = {
      a: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
      b: { dtype: "F32", shape: [1, 2], data: Float32Array.of(4, 5) },
    };
    const bytes = encodeSafetensors(tensors, { k: "v" });
    const { head, order } = safetensorsHead(tensors, { k: "v" });
    expect(order).toEqual(["b", "a"]);
    expect(bytes.subarray(0, head.length)).toEqual(head);
    expect(safetensorsHeadLength(bytes.subarray(0, 8), bytes.length, "x")).toBe(head.length);
    expect(decodeSafetensorsHead(head, bytes.length, "x")).toEqual({
      tensors: {
        a: { dtype: "U8", shape: [3], begin: head.length + 8, end: head.length + 11 },
        b: { dtype: "F32", shape: [1, 2], begin: head.length, end: head.length + 8 },
      },
      metadata: { k: "v" },
    });
    expect(() => decodeSafetensorsHead(head, bytes.length - 1, "x")).toThrow("need 11 bytes of data, but 10 follow");
  });
});

describe("a malformed file", () => {
  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(0), /has 0 bytes/],
    ["half a header length", new Uint8Array(7), /has 7 bytes/],
    ["a header beyond the bound", file({}, [], 100_000_001), /100000001 bytes long/],
    ["a header length of 2^64 - 1", new Uint8Array(8).fill(255), /header is said to be/],
    ["a header cut off", file({ x: u8(0, 4) }).subarray(0, 20), /truncated/],
    ["a header that is not JSON", file("{x"), /not JSON/],
    ["a header that is not UTF-8", file('{"\u00e9":1}').map((byte) => (byte === 0xc3 ? 0xff : byte)), /not JSON/],
    ["a header that is a list", file([]), /not a JSON object/],
    ["metadata that are not strings", file({ __metadata__: { step: 3 } }), /__metadata__/],
    ["an entry that is not an object", file({ x: 3 }), /"x": its entry/],
    ["an unknown dtype", file({ x: { ...u8(0, 1), dtype: "F7" } }, [0]), /"x": dtype "F7" is not one of F64, F32/],
    ["a dtype from the prototype", file({ x: { ...u8(0, 1), dtype: "toString" } }, [0]), /"x": dtype "toString"/],
    ["no shape", file({ x: { dtype: "U8", data_offsets: [0, 0] } }), /"x": shape undefined/],
    ["a fractional size", file({ x: { ...u8(0, 1), shape: [0.5] } }, [0]), /"x": shape \[0.5\]/],
    [
      "offsets in reverse",
      file({ x: { dtype: "U8", shape: [1], data_offsets: [1, 0] } }, [0]),
      /data_offsets \[1, 0\]/,
    ],
    ["a shape of another length", file({ x: { ...u8(0, 4), shape: [5] } }, [0, 0, 0, 0]), /is 5 bytes.*span 4/],
    ["a hole", file({ x: u8(0, 1), y: u8(2, 3) }, [0, 0, 0]), /"y" begins at byte 2 .* ends at 1/],
    ["an overlap", file({ x: u8(0, 2), y: u8(1, 3) }, [0, 0, 0]), /"y" begins at byte 1 .* ends at 2/],
    ["data cut off", file({ x: u8(0, 3) }, [0, 0]), /need 3 bytes of data, but 2 follow/],
    ["data left over", file({ x: u8(0, 3) }, [0, 0, 0, 0]), /need 3 bytes of data, but 4 follow/],
    [
      "a dtype of lists in lists",
      file(`{"a":{"dtype":${"[".repeat(50_000)}${"]".repeat(50_000)},"shape":[0],"data_offsets":[0,0]}}`),
      /tensor "a": dtype \[object\] is not one of/,
    ],
    [
      "a shape without end",
      file({ a: { ...u8(0, 1), shape: new Array(100_000).fill(1), dtype: "F64" } }, [1]),
      /tensor "a": F64 of shape \[1, 1, [1, ]*… is 8 bytes, but its data_offsets span 1$/,
    ],
    [
      "sizes whose product is no number",
      file({ a: { ...u8(0, 0), shape: [...new Array(40).fill(2 ** 52), 0] } }),
      /is NaN bytes/,
    ],
  ])("with %s is refused by name", (_, bytes, reason) => {
    expect(() => decodeSafetensors(bytes, SOURCE)).toThrow(SafetensorsError);
    expect(() => decodeSafetensors(bytes, SOURCE)).toThrow(reason);
    expect(() => decodeSafetensors(bytes, SOURCE)).toThrow(/^weights\.safetensors is not a valid safetensors file: /);
  });
});
