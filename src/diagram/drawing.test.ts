import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPicture, testFolder } from '../figures/testing.ts';
import { findNetwork, networks } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { diagramOf } from './diagram.ts';
import { boxColours, diagramFigure, drawDiagram } from './figure.ts';
import { boxWidth, type Placed, place } from './layout.ts';
import { diagramPage } from './page.ts';
import type { Piece } from './pieces.ts';

const folder = testFolder();
const diagram = (name: string) => diagramOf(buildNetwork(findNetwork(name)));

type Rect = { left: number; top: number; right: number; bottom: number };

/** The boxes (not frames) of a placed piece. */
function boxesIn({ piece, width, height, parts }: Placed, x = 0, y = 0): Rect[] {
  if (piece.kind === 'layer' || (piece.kind === 'block' && piece.folded)) {
    return [{ left: x, top: y, right: x + width, bottom: y + height }];
  }
  return parts.flatMap(({ part, x: dx, y: dy }) => boxesIn(part, x + dx, y + dy));
}

function isInside({ piece, width, height, parts }: Placed): boolean {
  return parts.every(
    ({ part, x, y }) =>
      (piece.kind === 'series' || (x >= 0 && y >= 0 && x + part.width <= width + 0.01)) &&
      y + part.height <= height + 0.01 &&
      isInside(part),
  );
}

describe('the layout', () => {
  it.each(networks.map(({ name }) => name))('of %s has no two boxes on one place', (name) => {
    const { content } = diagram(name);
    const placed = place(content, boxWidth(content));
    const boxes = boxesIn(placed);
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        const isApart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
        expect(isApart).toBe(true);
      }
    }
    expect(isInside(placed)).toBe(true);
  });
});

describe('the figure', () => {
  it('is drawn with the colours of its layers and without text elements', async () => {
    const path = join(folder, 'lenet.png');
    const { content, title, subtitle } = diagram('lenet');
    await diagramFigure(path, content, { title, subtitle });
    const picture = await readPicture(path);
    for (const type of ['convolution', 'pool', 'linear'] as const) {
      expect(picture.boxOf(boxColours[type][0]), type).toBeDefined();
    }
    expect(drawDiagram(content, { title, subtitle }).body).not.toContain('<text');
  });

  it('turns tall networks into columns', () => {
    for (const name of ['vgg16', 'resnet152', 'googlenet']) {
      const { content, title, subtitle } = diagram(name);
      const { width, height } = drawDiagram(content, { title, subtitle });
      expect(width / height, name).toBeGreaterThan(0.6);
      expect(width / height, name).toBeLessThan(3);
    }
  });
});

describe('the page', () => {
  const { content, title, subtitle } = diagram('googlenet');
  const page = diagramPage(content, { title, subtitle });

  it('asks nobody for anything, and says so to the browser', () => {
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/https?:|src=|href=|@import|url\(/);
  });

  it('has a block for each Inception, and a box for each layer', () => {
    const count = (pattern: RegExp) => [...page.matchAll(pattern)].length;
    expect(count(/<details/g)).toBe(9);
    expect(count(/<div class="box convolution"/g)).toBe(57);
    expect(count(/<div class="branch/g)).toBe(36);
    expect(count(/<div/g)).toBe(count(/<\/div>/g));
  });

  it('escapes names', () => {
    const odd: Piece = {
      kind: 'layer',
      type: 'other',
      path: '',
      title: '<b>"&',
      followers: [],
      shape: [1],
      params: 0,
      macs: 0,
    };
    const html = diagramPage({ kind: 'series', items: [odd] }, { title: '<i>', subtitle: '' });
    expect(html).toContain('&lt;b&gt;&quot;&amp;');
    expect(html).toContain('<title>&lt;i&gt;</title>');
  });
});
