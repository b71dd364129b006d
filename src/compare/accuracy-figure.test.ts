import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sharpness } from '../figures/svg.ts';
import { readPicture, testFolder } from '../figures/testing.ts';
import { findNetwork, networks } from '../nets/index.ts';
import { accuracyFigure } from './accuracy-figure.ts';
import { publishedByProtocol } from './published.ts';

const folder = testFolder();

describe('accuracyFigure', () => {
  it('draws every protocol that has two results, in panels below each other', async () => {
    const path = join(folder, 'all.png');
    await accuracyFigure(path, publishedByProtocol(networks));
    const { width, height } = await readPicture(path);
    expect(width).toBe(2400);
    expect(height).toBeGreaterThan(1500);
  });

  it('draws a bubble of the right area at the right place', async () => {
    const nets = ['alexnet', 'zfnet'].map(findNetwork);
    const path = join(folder, 'two.png');
    const groups = publishedByProtocol(nets).map((group) => ({
      ...group,
      entries: group.entries.filter(({ options }) => options === undefined),
    }));
    await accuracyFigure(path, groups);
    const picture = await readPicture(path);
    // 60,965,224 and 62,357,608 parameters at 18 square px per million.
    const [small, large] = [60.965224, 62.357608].map((area) => Math.sqrt((area * 18) / Math.PI));
    const rings = picture.boxOf('#0072b2', { top: 500 });
    // The panel's frame begins at 78 px, its smallest value 20 px and the largest radius further.
    const leftEdge = 78 + 20 + (large ?? 0) - (small ?? 0) - 0.9;
    expect(Math.abs((rings?.left ?? 0) / sharpness - leftEdge)).toBeLessThan(1.2);
    const zfnetTop = picture.boxOf('#0072b2', {
      top: 500,
      left: Math.round((rings?.right ?? 0) - 4 * (large ?? 0)),
    });
    expect(zfnetTop?.top).toBe(rings?.top);
    const height = ((zfnetTop?.bottom ?? 0) - (zfnetTop?.top ?? 0) + 1) / sharpness;
    expect(Math.abs(height - 2 * (large ?? 0) - 1.8)).toBeLessThan(1.2);
  });

  it('says so where there is nothing to draw', async () => {
    await expect(
      accuracyFigure(join(folder, 'x.png'), publishedByProtocol([findNetwork('alexnet')])),
    ).rejects.toThrow(/no protocol has published errors of two of these networks/);
  });
});
