// Figures that belong to one page each: docs/distributed.md, docs/results.md and docs/onnx.md.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { exportOnnx } from '../src/evaluate/export-onnx.ts';
import { prepareBrowserExample } from './browser-example.ts';
import { root, weights } from './figures-data.ts';
import { type FigureGroup, figuresFolder, inFolder, keep } from './figures-group.ts';
import { scalingFigure } from './scaling/figure.ts';

export const scaling: FigureGroup = {
  name: 'scaling',
  files: ['scaling.png'],
  async make() {
    await scalingFigure(join(figuresFolder, 'scaling.png'));
    console.log('wrote docs/figures/scaling.png');
  },
};

/** From what `npm run results` has trained so far; nothing is trained for it. */
export const results: FigureGroup = {
  name: 'results',
  files: ['results.png', 'precision.png'],
  async make() {
    execFileSync(process.execPath, [join(root, 'tools/results.ts'), '--pages'], { stdio: 'inherit' });
  },
};

const browser = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(':').map((place) => join(place, name)))
  .find((path) => existsSync(path));

/** The page of examples/browser with GoogLeNet and a cat. */
export const browserPage: FigureGroup = {
  name: 'browser',
  files: ['browser.png'],
  needs: [weights, browser ?? 'chromium'],
  make: () =>
    inFolder(async (folder) => {
      prepareBrowserExample();
      const [model, made] = [join(folder, 'googlenet.onnx'), join(folder, 'page.png')];
      exportOnnx({ network: 'googlenet', weights, out: model, withPreprocessing: true });
      const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
      const chrome = await chromium.launch({ executablePath: browser, args });
      try {
        const page = await chrome.newPage({ viewport: { width: 940, height: 670 } });
        await page.goto(pathToFileURL(join(root, 'examples/browser/index.html')).href);
        await page.setInputFiles('#model-file', model);
        await page.setInputFiles('#picture-file', join(root, 'test/fixtures/photos/chelsea.png'));
        await page.locator('#top li:nth-child(5)').waitFor();
        await page.screenshot({ path: made });
      } finally {
        await chrome.close();
      }
      await keep(made, 'browser.png');
    }),
};
