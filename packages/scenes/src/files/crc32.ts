/** CRC-32 (ISO 3309), the checksum of ZIP and PNG. Early releases of Node 20 have no `zlib.crc32`. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * Computes the CRC-32 of `data`, 0..2³²-1.
 *
 * @param before the checksum of the bytes before `data`, if `data` is a later part of something
 */
export function crc32(data: Uint8Array, before = 0): number {
  let crc = before ^ 0xffffffff;
  for (let i = 0; i < data.length; i++) crc = TABLE[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
