/**
 * Writes a report as one HTML file with its tables, pictures and charts inside. It opens without a network, has a dark mode,
 * and can be read on a phone, by keyboard and by screen reader.
 */
import { count, percent } from "@air-onnx/measure/format";
import { type LineChart, lineChart } from "./line-chart.js";
import { type Insert, Markup, markup } from "./markup.js";

/** A section of a page. */
export interface PageSection {
  /** Heading. */
  readonly title: string;
  /** Content below the heading. */
  readonly body: Insert;
}

/** The content of a page. */
export interface Page {
  /** Title and first heading. */
  readonly title: string;
  /** Subject of the page, in a sentence or two. */
  readonly lead: Insert;
  /** Notices about the report itself: unfinished runs, and parts that were left out, with the reason. */
  readonly notices: readonly string[];
  /** Sections in their order. */
  readonly sections: readonly PageSection[];
  /** Text at the end. */
  readonly footer: Insert;
}

/** Writes a page as the text of an HTML file. */
export function htmlPage({ title, lead, notices, sections, footer }: Page): string {
  const ids = sections.map((_, i) => `section-${i + 1}`);
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>${lead}</p>
${notices.length > 0 ? markup`<ul class="notices" aria-label="Notices">${notices.map((notice) => markup`<li>${notice}</li>`)}</ul>` : undefined}
<nav aria-label="Sections"><ul>${sections.map((section, i) => markup`<li><a href="#${ids[i]!}">${section.title}</a></li>`)}</ul></nav>
</header>
<main>
${sections.map((section, i) => markup`<section id="${ids[i]!}" aria-labelledby="${ids[i]!}-title">\n<h2 id="${ids[i]!}-title">${section.title}</h2>\n${section.body}\n</section>\n`)}</main>
<footer><p>${footer}</p></footer>
</body>
</html>
`.source;
}

/** A table. The first cell of each row is its header. */
export function dataTable(table: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Insert[])[];
}): Markup {
  const { caption, head, rows } = table;
  return scrollable(
    caption,
    markup`<table><caption>${caption}</caption>
<thead><tr>${head.map((cell) => markup`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>
${rows.map(([first, ...cells]) => markup`<tr><th scope="row">${first}</th>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>\n`)}</tbody></table>`,
  );
}

/** A table of the confusion matrix `[true count][found count]`, in images. True counts that no image has are left out. */
export function confusionTable(caption: string, confusion: readonly (readonly number[])[]): Markup {
  const found = confusion[0]?.map((_, n) => n) ?? [];
  const rows = confusion.flatMap((row, truth) => {
    const total = row.reduce((sum, images) => sum + images, 0);
    if (total === 0) return [];
    const cells = row.map((images, n) => {
      const share = images / total;
      const kind = n === truth ? "right" : "wrong";
      return markup`<td class="${kind}" style="--share:${share.toFixed(3)}">${count(images)} <small>${percent(share)}</small></td>`;
    });
    return [markup`<tr><th scope="row">${truth} there</th>${cells}</tr>\n`];
  });
  return scrollable(
    caption,
    markup`<table class="confusion"><caption>${caption}</caption>
<thead><tr><td></td>${found.map((n) => markup`<th scope="col">${n} found</th>`)}</tr></thead>
<tbody>
${rows}</tbody></table>`,
  );
}

/** Puts tables and other blocks side by side where there is room. */
export function sideBySideBlocks(blocks: readonly Insert[]): Markup {
  return markup`<div class="beside">${blocks.map((block) => markup`<div>${block}</div>`)}</div>`;
}

/** A picture with a description in words. */
export function pictureFigure(picture: {
  readonly png: Uint8Array;
  /** Description for readers who cannot see the picture. */
  readonly alt: string;
  readonly caption?: Insert;
}): Markup {
  const { png, alt, caption } = picture;
  // The size is in IHDR, always the first chunk. It keeps the page from jumping while it is laid out.
  const header = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const image = markup`<img src="data:image/png;base64,${Buffer.from(png).toString("base64")}" alt="${alt}" width="${header.getUint32(16)}" height="${header.getUint32(20)}">`;
  return markup`<figure class="picture">${scrollable(alt, image)}${caption === undefined ? undefined : markup`<figcaption>${caption}</figcaption>`}</figure>\n`;
}

/** Charts, side by side where there is room. */
export function chartFigures(charts: readonly LineChart[]): Markup {
  return markup`<div class="charts">${charts.map(
    (chart) => markup`<figure><figcaption>${chart.title}</figcaption>${lineChart(chart)}</figure>\n`,
  )}</div>`;
}

/** A block of code, such as a command line. */
export function codeBlock(label: string, text: string): Markup {
  return markup`<pre aria-label="${label}"><code>${text}</code></pre>`;
}

/** Content that is hidden until its summary is opened. */
export function disclosure(summary: string, body: Insert): Markup {
  return markup`<details><summary>${summary}</summary>\n${body}</details>`;
}

/** Wraps content that may be wider than a phone, so that it scrolls by itself, also by keyboard. */
function scrollable(label: string, body: Markup): Markup {
  return markup`<div class="scroll" role="group" aria-label="${label}" tabindex="0">${body}</div>`;
}

const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1d232b;--quiet:#586270;--line:#d8dde4;--wash:#f3f5f8;--accent:#1f6fb2;--right:42,148,112;--wrong:208,80,74}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e3e7ee;--quiet:#a2abb8;--line:#343a44;--wash:#1d2128;--accent:#6db3ee}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem clamp(1rem,4vw,2.5rem) 3rem;max-width:78rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
h1{margin:0 0 .25rem;font-size:1.7rem;line-height:1.25;overflow-wrap:anywhere}
h2{margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--line);font-size:1.25rem}
p{max-width:46rem;margin:.5rem 0}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:1rem 0 0;padding:0;list-style:none}
.notices{margin:1rem 0;padding:.6rem 1rem .6rem 2rem;border-left:4px solid #c9701e;background:var(--wash);max-width:52rem;overflow-wrap:anywhere}
.beside{display:flex;flex-wrap:wrap;gap:0 4rem}
.scroll{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;min-width:min(100%,28rem);font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding-bottom:.4rem}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400}
thead th{color:var(--quiet);white-space:nowrap}
td{overflow-wrap:anywhere;min-width:5rem}
.confusion td,.confusion thead th{text-align:right;padding:.4rem .7rem;white-space:nowrap}
.confusion td.right{background:rgba(var(--right),calc(var(--share)*.45))}
.confusion td.wrong{background:rgba(var(--wrong),calc(var(--share)*.9))}
small{color:inherit;opacity:.85}
pre{margin:0;padding:.75rem 1rem;background:var(--wash);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
code{font:.9rem/1.5 ui-monospace,monospace}
figure{margin:0}
figcaption{color:var(--quiet);font-size:.92rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.5rem}
.charts figcaption{color:var(--ink);font-weight:600;font-size:1rem}
.charts svg.air-chart{display:block;width:100%;height:auto}
img{display:block;height:auto;max-width:max(100%,44rem);border-radius:4px}
details{margin:.75rem 0}
summary{cursor:pointer}
footer{margin-top:3rem;border-top:1px solid var(--line);color:var(--quiet);font-size:.9rem}
@media print{nav{display:none}}
`;
