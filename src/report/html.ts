// The page of a report: its frame, the list of layers and the diagram stand in the HTML itself; everything else is
// made by the scripts in `page/` from the data beside it. The page's policy forbids every request elsewhere.
import { readFileSync } from 'node:fs';
import type { Diagram } from '../diagram/diagram.ts';
import { diagramHtml, escapeHtml } from '../diagram/page.ts';
import { diagramStyle, themeStyle } from '../diagram/page-style.ts';
import type { Experiment } from './experiments.ts';
import type { PictureSummary } from './picture-views.ts';
import { reportMark, type Site } from './site.ts';
import type { LayerFacts, LayerSummary } from './unit-data.ts';

export interface PageContent {
  readonly diagram: Diagram;
  /** Those that were scanned. */
  readonly layers: readonly LayerSummary[];
  readonly every: readonly LayerFacts[];
  readonly views: readonly PictureSummary[];
  readonly experiments: readonly Experiment[];
  readonly filters: boolean;
  readonly weights: string;
  readonly data: string;
  /** Of the data set. */
  readonly pictures: number;
}

const scripts = [
  ...['store', 'elements', 'drawing', 'panel', 'layers', 'pictures', 'filters'],
  ...['evolution', 'invariance', 'correspondence', 'health', 'probe', 'main'],
];
/** As wide as the pictures of the first page, px. */
const thumbnailPx = 190;
const policy =
  "default-src 'none'; img-src data: blob:; script-src 'self' file:; style-src 'self' file:; base-uri 'none'; form-action 'none'";

/** Writes `index.html` with its style and scripts. */
export function writePage(site: Site, content: PageContent): void {
  const own = (name: string): string => readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8');
  site.text('report.css', `${themeStyle}${diagramStyle}${own('report.css')}${own('experiments.css')}`);
  for (const name of scripts) site.text(`page/${name}.js`, own(`${name}.js`));
  site.text('index.html', pageHtml(content));
}

function pageHtml(content: PageContent): string {
  const { diagram, layers, every, views, experiments, filters, weights, data, pictures } = content;
  const title = `Inside ${diagram.title}`;
  const count = pictures.toLocaleString('en-US');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${reportMark}
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="report.css">
</head>
<body>
<a class="skip" id="skip" href="#/">Skip to the content</a>
<header class="top">
<nav aria-label="Where you are"><ol id="path" class="trail"><li><a href="#/">${escapeHtml(title)}</a></li></ol></nav>
<div class="tools">
<div role="group" aria-label="Scale of the colours"><button type="button" data-scale="own" aria-pressed="true">Own scale</button><button type="button" data-scale="shared" aria-pressed="false">Shared scale</button></div>
<button type="button" id="theme">Light or dark</button>
</div>
</header>
<main id="view" tabindex="-1"><noscript><p>This report shows its figures with a script, which is switched off.</p></noscript></main>
<main id="home" hidden tabindex="-1">
<h1>${escapeHtml(title)}</h1>
<p class="lead">${escapeHtml(`Weights ${weights}, looked at through ${count} pictures of ${data}.`)}</p>
<div class="start"><section aria-labelledby="layers-title">
<h2 id="layers-title">Layers</h2>
${layerTable(layers, layers)}
<details class="every"><summary><b>All ${every.length} layers of the network</b></summary>${layerTable(every, layers)}</details>
</section>
${
  views.length === 0
    ? ''
    : `<section aria-labelledby="pictures-title"><h2 id="pictures-title">Pictures</h2><ul class="pictures">
${views.map(pictureItem).join('\n')}
</ul></section>`
}
</div>
<section aria-labelledby="experiments-title" class="experiments"><h2 id="experiments-title">Experiments</h2><ul>
${experiments.map(experimentItem).join('\n')}
</ul></section>
${filters ? '<div id="filters"></div>' : ''}
<div id="diagram" class="diagram" hidden>${diagramHtml(diagram.content)}</div>
</main>
<footer><p><kbd>←</kbd> <kbd>→</kbd> the next projected map, picture, experiment or moment, with <kbd>Shift</kbd> the next map of all; <kbd>Shift</kbd> <kbd>↑</kbd> <kbd>↓</kbd> the layer before or after; <kbd>S</kbd> scale, <kbd>D</kbd> light or dark, <kbd>H</kbd> back to the start.</p></footer>
${scripts.map((name) => `<script src="page/${name}.js"></script>`).join('\n')}
<script src="data/site.js"></script>
</body>
</html>
`;
}

/** Layers in rows; those that were scanned lead to their maps. */
function layerTable(rows: readonly LayerFacts[], scanned: readonly LayerSummary[]): string {
  const names = ['Maps', 'Size of a map', 'Sees, px', 'Never above 0', 'Projected'];
  const head = ['Layer', ...names].map((name) => `<th scope="col">${name}</th>`).join('');
  const body = rows.map((facts) =>
    layerRow(
      facts,
      scanned.find(({ path }) => path === facts.path),
    ),
  );
  return `<div class="wide"><table><thead><tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>`;
}

function layerRow({ path, units, height, width, field }: LayerFacts, scanned?: LayerSummary): string {
  const size = height * width === 1 ? '—' : `${height}×${width}`;
  const found = scanned === undefined ? ['—', '—'] : [scanned.dead, scanned.projected.length];
  const cells = [units, size, `${field[0]}×${field[1]}`, ...found].map((cell) => `<td>${cell}</td>`).join('');
  const name = escapeHtml(path);
  const link = `<a href="${escapeHtml(`#/${encodeURIComponent(path)}`)}">${name}</a>`;
  return `<tr><th scope="row">${scanned === undefined ? name : link}</th>${cells}</tr>`;
}

function pictureItem(
  { name, thumbnail, side, answer, probability, label }: PictureSummary,
  index: number,
): string {
  const said = `${answer}, ${Math.round(100 * probability)} %`;
  const about = label === null ? '' : `<small>labelled ${escapeHtml(label)}</small>`;
  return `<li><a href="#pictures/${index}"><img${side < thumbnailPx / 2 ? ' class="pixels"' : ''} src="${thumbnail}" alt="${escapeHtml(name)}"><b>${escapeHtml(said)}</b>${about}<small>${escapeHtml(name)}</small></a></li>`;
}

function experimentItem({ address, title, about, source }: Experiment): string {
  return `<li><a href="#${escapeHtml(address)}"><b>${escapeHtml(title)}</b></a><span>${escapeHtml(about)}</span><small>${escapeHtml(source)}</small></li>`;
}
