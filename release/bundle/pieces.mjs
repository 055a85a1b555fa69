/** A folder as a compressed archive in pieces of a given size, with the script that unpacks them. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { BundleError } from "./production-packages.mjs";

const UNITS = { "": 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/**
 * Bytes of a size such as `60MB`, `64MiB` or `5000`.
 *
 * @param {string} text
 * @returns {number}
 * @throws {BundleError} for anything else, and for less than one byte
 */
export function parseSize(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kKMG]i?B)?$/.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit ?? ""] ?? Number.NaN));
  if (bytes >= 1) return bytes;
  throw new BundleError(`"${text}" is not a size: write it as 60MB, 64MiB or a number of bytes`);
}

/**
 * Writes `folder` as `<its name>.tar.gz.<number>` into `out`, each piece of at most `maxPiece` bytes, with SHA256SUMS and
 * `unpack.sh`.
 *
 * @param {string} folder folder whose contents, under its own name, are packed
 * @param {string} out folder for the pieces: empty, or new
 * @param {number} maxPiece
 * @returns {Promise<{ name: string, bytes: number }[]>} the pieces
 * @throws {BundleError} if `out` holds anything, or tar fails
 */
export async function packInPieces(folder, out, maxPiece) {
  await mkdir(out, { recursive: true });
  if ((await readdir(out)).length > 0) throw new BundleError(`${out} is not empty: name another folder, or empty it`);
  const pieces = new Pieces(out, `${basename(folder)}.tar.gz`, maxPiece);
  try {
    const tar = spawn("tar", ["-C", dirname(folder), "-cf", "-", basename(folder)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    tar.stderr.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    const [[code]] = await Promise.all([once(tar, "close"), pipeline(tar.stdout, createGzip({ level: 9 }), pieces)]);
    if (code !== 0) throw new BundleError(`tar ended with exit code ${code}: ${said.trim()}`);
    await writeFile(join(out, "SHA256SUMS"), pieces.written.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
    await cp(fileURLToPath(new URL("files/unpack.sh", import.meta.url)), join(out, "unpack.sh"));
  } catch (cause) {
    // Half an archive would only be in the way of the next.
    for (const name of await readdir(out)) await rm(join(out, name));
    throw cause;
  }
  return pieces.written.map(({ name, bytes }) => ({ name, bytes }));
}

/** A stream into numbered files of at most so many bytes. */
class Pieces extends Writable {
  /** @type {{ name: string, bytes: number, sha256: string }[]} */
  written = [];
  #folder;
  #name;
  #most;
  #file;
  #hash;
  #bytes = 0;

  constructor(folder, name, most) {
    super();
    this.#folder = folder;
    this.#name = name;
    this.#most = most;
  }

  _write(chunk, _encoding, done) {
    this.#add(chunk).then(
      () => done(),
      (cause) => done(cause),
    );
  }

  _final(done) {
    this.#close().then(
      () => done(),
      (cause) => done(cause),
    );
  }

  async #add(chunk) {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#bytes === this.#most) await this.#close();
      if (this.#file === undefined) {
        this.#file = await open(join(this.#folder, this.#nextName()), "wx");
        this.#hash = createHash("sha256");
      }
      const part = rest.subarray(0, this.#most - this.#bytes);
      this.#hash.update(part);
      this.#bytes += part.length;
      rest = rest.subarray(part.length);
      await this.#file.appendFile(part);
    }
  }

  #nextName() {
    return `${this.#name}.${String(this.written.length).padStart(3, "0")}`;
  }

  async #close() {
    if (this.#file === undefined) return;
    await this.#file.close();
    this.written.push({ name: this.#nextName(), bytes: this.#bytes, sha256: this.#hash.digest("hex") });
    this.#file = undefined;
    this.#bytes = 0;
  }
}
