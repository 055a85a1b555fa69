import { encodePng } from "@air-onnx/scenes";
import { describe, expect, it } from "vitest";
import {
  chartFigures,
  codeBlock,
  confusionTable,
  dataTable,
  disclosure,
  htmlPage,
  markup,
  pictureFigure,
} from "../../src/index.js";

const nasty = `<img src=x onerror="alert('1')">&`;
const escaped = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;";
const png = encodePng({ width: 7, height: 3, channels: 1, data: new Uint8Array(21) });

describe("markup", () => {
  it("escapes texts, keeps markup, joins lists, and leaves out what is undefined", () => {
    expect(markup`<p title="${nasty}">${nasty}</p>`.source).toBe(`<p title="${escaped}">${escaped}</p>`);
    expect(markup`<ul>${["a<", "b"].map((item) => markup`<li>${item}</li>`)}</ul>${undefined}${0}`.source).toBe(
      "<ul><li>a&lt;</li><li>b</li></ul>0",
    );
    expect(markup`${"a\u0000\u001bb\nc\ud800"}`.source).toBe("a\ufffd\ufffdb\nc\ufffd");
  });
});

describe("htmlPage", () => {
  const html = htmlPage({
    title: nasty,
    lead: nasty,
    notices: [nasty],
    sections: [
      {
        title: nasty,
        body: [
          dataTable({ caption: nasty, head: ["Measure", "Value"], rows: [[nasty, nasty]] }),
          confusionTable("Counts", [
            [9, 1],
            [0, 0],
            [2, 6],
          ]),
          pictureFigure({ png, alt: nasty, caption: nasty }),
          chartFigures([
            {
              title: nasty,
              description: nasty,
              xLabel: "x",
              yLabel: "y",
              series: [{ name: nasty, colour: 0, points: [{ x: 1, y: 1 }] }],
            },
          ]),
          codeBlock(nasty, nasty),
          disclosure(nasty, nasty),
        ],
      },
    ],
    footer: nasty,
  });

  it("lets no text become markup", () => {
    expect(html).not.toContain(nasty);
    expect(html).not.toMatch(/<img(?! src="data:image\/png;base64,)/);
    expect(html).not.toContain("<script");
    expect(html.split(escaped).length).toBeGreaterThan(12);
  });

  it("has no link to anything outside the file", () => {
    const references = [...html.matchAll(/(?:src|href|srcset|action|data|poster)="([^"]*)"/g)].map(
      ([, target]) => target!,
    );
    expect(references.length).toBeGreaterThan(0);
    for (const target of references) expect(target).toMatch(/^(#section-\d+|data:image\/png;base64,[A-Za-z0-9+/=]+)$/);
    expect(html).not.toMatch(/url\(|@import|<link|<base/);
    expect(html).toContain(`content="default-src 'none'`);
  });

  it("has one heading of the first level, sections with headings, and links to them", () => {
    expect(html.match(/<h1>/g)).toHaveLength(1);
    expect(html).toMatch(/<section id="section-1" aria-labelledby="section-1-title">\n<h2 id="section-1-title">/);
    expect(html).toContain('href="#section-1"');
    expect(html).toContain('<html lang="en">');
    expect(html).toContain('name="viewport"');
    expect(html).toContain("prefers-color-scheme:dark");
  });

  it("has tables with a caption and headers", () => {
    expect(html).toContain('<th scope="col">Measure</th>');
    expect(html).toContain(`<th scope="row">${escaped}</th><td>${escaped}</td>`);
    expect(html).toContain(`<caption>${escaped}</caption>`);
  });

  it("tells right counts from wrong ones, as images and shares, without counts that no image has", () => {
    expect(html).toContain('<td class="right" style="--share:0.900">9 <small>90.0 %</small></td>');
    expect(html).toContain('<td class="wrong" style="--share:0.100">1 <small>10.0 %</small></td>');
    expect(html).toContain('<th scope="row">2 there</th>');
    expect(html).not.toContain('<th scope="row">1 there</th>');
  });

  it("describes a picture in words, and gives its size", () => {
    expect(html).toContain(`alt="${escaped}" width="7" height="3">`);
  });
});
