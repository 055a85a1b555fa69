import { expect, it } from "vitest";
import { sceneSvg } from "../src/scene-svg.js";

const tightBox = { xmin: 1.25, ymin: 2, xmax: 7.123456, ymax: 9 };
const scene = { width: 40, height: 30, objects: [{ tightBox, score: 0.5 }] };

it("draws boxes in the picture's pixels", () => {
  const svg = sceneSvg(scene);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="40" height="30" viewBox="0 0 40 30">/);
  expect(svg).toContain('<rect x="1.25" y="2" width="5.87" height="7"><title>object 1, score 0.500</title></rect>');
  expect(svg).not.toContain("<image");
  expect(svg.match(/<rect/g)).toHaveLength(1);
});

it("puts a picture below them by its address, which cannot break out of its attribute", () => {
  const svg = sceneSvg(scene, { image: 'a"><script>&.png', colour: 'red"/>', numbers: true });
  expect(svg).toContain('<image href="a&quot;&gt;&lt;script&gt;&amp;.png" width="40" height="30"/>');
  expect(svg).toContain('stroke="red&quot;/&gt;"');
  expect(svg).toContain(">1</text>");
});

it("takes up the bytes of a file that browsers show, and refuses others", () => {
  const png = Uint8Array.from({ length: 30_000 }, (_, i) => [0x89, 0x50, 0x4e, 0x47][i] ?? i % 256);
  const [, base64] = /href="data:image\/png;base64,([^"]+)"/.exec(sceneSvg(scene, { image: png }))!;
  expect(Buffer.from(base64!, "base64").equals(png)).toBe(true);
  expect(() => sceneSvg(scene, { image: Uint8Array.of(1, 2, 3) })).toThrow("must be a PNG, JPEG or WebP file");
});
