import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { cubicResize } from "../../src/drawn/resize-cubic.js";

/** (185 + 11 row + 5 column²) mod 256 at each pixel. */
const picture = Uint8Array.from({ length: 784 }, (_, i) => (185 + 11 * Math.floor(i / 28) + 5 * (i % 28) ** 2) % 256);

describe("cubicResize", () => {
  it.each([
    // Pillow 12.3.0: hashlib.sha256(np.asarray(Image.fromarray(picture).resize((n, n), Image.BICUBIC)).tobytes())
    [18, "4b5c3f911b8337fecb1effa28ac8d283a7501a1dea04cf3725c44c9e7251ba81"],
    [14, "b650491d80bdee8b5f65086e753a20bb81dddddcfa7bbd6b90156a011c8421b8"],
    [40, "6b98f5bb1ec6ea036bfbda26c12ee0a48bcaf2e3f3110f74749c1e227ed30ba8"],
  ])("makes Pillow's pixels of 28x28 at %d", (side, sha256) => {
    const target = new Uint8Array(side * side);
    cubicResize(28, side)(picture, target);
    expect(createHash("sha256").update(target).digest("hex")).toBe(sha256);
  });

  it("keeps an even surface even", () => {
    const target = new Uint8Array(18 * 18);
    cubicResize(28, 18)(new Uint8Array(784).fill(200), target);
    expect(new Set(target)).toEqual(new Set([200]));
  });
});
