// A diagram as one HTML file that asks nobody for anything: blocks are `details`, so that a click or the keyboard
// folds them even without the script, and the page's own policy forbids every request.
import { createHash } from 'node:crypto';
import { headingOf, isJoin, nameUnder } from './layout.ts';
import { pageScript, pageStyle } from './page-style.ts';
import type { Block, Layer, Parallel, Piece, Series } from './pieces.ts';
import { costText, innerPath, notesOf, shapeText, titleOf } from './words.ts';

/** The page; blocks that are folded in `whole` are so at first. */
export function diagramPage(whole: Series, { title, subtitle }: { title: string; subtitle: string }): string {
  const policy = `default-src 'none'; style-src '${hashOf(pageStyle)}'; script-src '${hashOf(pageScript)}'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(subtitle)}</p>
<button id="unfold" type="button">Unfold all</button><button id="fold" type="button">Fold all</button><button id="theme" type="button">Light or dark</button>
</header>
<main>
${diagramHtml(whole)}
</main>
<script>${pageScript}</script>
</body>
</html>
`;
}

/** The diagram alone, for other pages: `data-path` of a box or block is its module's path. */
export function diagramHtml(whole: Series): string {
  return seriesHtml(whole, '');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** Text as it may stand in HTML and in an attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

function seriesHtml({ items }: Series, outer: string): string {
  let html = '';
  items.forEach((piece, i) => {
    const before = items[i - 1];
    if (before !== undefined) html += edgeHtml(before, piece);
    html += pieceHtml(piece, outer);
  });
  return `<div class="series">${html}</div>`;
}

/** The line between two pieces of a row, with the shape that goes along it. */
function edgeHtml(before: Piece, after: Piece): string {
  const classes = ['edge'];
  if (after.kind === 'parallel') classes.push('plain');
  if (before.kind === 'parallel') classes.push('short');
  const shape = before.kind === 'parallel' ? '' : `<span>${shapeText(before.shape)}</span>`;
  return `<div class="${classes.join(' ')}">${shape}</div>`;
}

function pieceHtml(piece: Piece, outer: string): string {
  switch (piece.kind) {
    case 'layer':
      return layerHtml(piece, outer);
    case 'block':
      return blockHtml(piece, outer);
    case 'parallel':
      return parallelHtml(piece, outer);
  }
}

function layerHtml(piece: Layer, outer: string): string {
  const notes = notesOf(piece);
  if (isJoin(piece)) {
    return `<div class="box join">${escapeHtml([titleOf(piece), notes].filter(Boolean).join(', '))}</div>`;
  }
  const name = innerPath(nameUnder(piece), outer);
  const bottom = [name, costText(piece)].filter(Boolean).map((text) => `<span>${escapeHtml(text)}</span>`);
  const tip = [piece.path, `${piece.params.toLocaleString('en-US')} parameters`];
  tip.push(`${piece.macs.toLocaleString('en-US')} multiply-adds`, `gives ${shapeText(piece.shape)}`);
  return (
    `<div class="box ${piece.type}"${pathAttribute(piece.path)} title="${escapeHtml(tip.filter(Boolean).join(', '))}"><b>${escapeHtml(titleOf(piece))}</b>` +
    `${notes === '' ? '' : `<small class="notes">${escapeHtml(notes)}</small>`}` +
    `${bottom.length === 0 ? '' : `<small>${bottom.join('')}</small>`}</div>`
  );
}

/** The module that a box or block stands for, as an attribute. */
function pathAttribute(path: string): string {
  return path === '' ? '' : ` data-path="${escapeHtml(path)}"`;
}

function blockHtml(piece: Block, outer: string): string {
  const notes = notesOf(piece);
  const about = [notes, costText(piece)].filter(Boolean).join(' · ');
  const first = piece.body.items[0];
  const start = `<div class="edge${first?.kind === 'parallel' ? ' plain' : ''} short"></div>`;
  const end = '<div class="edge plain short"></div>';
  const inside = `<div class="series">${start}${seriesHtml(piece.body, piece.path || outer)}${end}</div>`;
  return (
    `<details${piece.repeats > 1 ? ' class="repeated"' : ''}${piece.folded ? '' : ' open'}${pathAttribute(piece.path)}>` +
    `<summary><b>${escapeHtml(headingOf(piece))}</b><span>${escapeHtml(about)}</span></summary>${inside}</details>`
  );
}

function parallelHtml({ branches }: Parallel, outer: string): string {
  const html = branches.map((branch) => {
    const [first, last] = [branch.items[0], branch.items.at(-1)];
    if (first === undefined || last === undefined) {
      return '<div class="branch bare"><div class="tail"></div></div>';
    }
    const start = `<div class="edge${first.kind === 'parallel' ? ' plain' : ''} short"></div>`;
    const shape = last.kind === 'parallel' ? '' : `<span>${shapeText(last.shape)}</span>`;
    return `<div class="branch">${start}${seriesHtml(branch, outer)}<div class="tail">${shape}</div></div>`;
  });
  return `<div class="parallel">${html.join('')}</div>`;
}
