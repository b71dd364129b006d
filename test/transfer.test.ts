// A handful of classes from the real GoogLeNet, end to end as docs/transfer.md has it: the head is trained on frozen
// features, tells pictures apart that it has not seen, goes into an ONNX file, and answers in a browser what Laurel
// answers. Its features as arrays tell the classes apart too.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { classify } from '../src/evaluate/classify.ts';
import { evaluate } from '../src/evaluate/evaluate.ts';
import { exportOnnx } from '../src/evaluate/export-onnx.ts';
import { readNpyTyped } from '../src/weights/npy.ts';
import { readSafetensors } from '../src/weights/safetensors.ts';
import { prepareBrowserExample } from '../tools/browser-example.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { absent, samples, weights } from './googlenet-samples.ts';
import { groupSamples } from './transfer-samples.ts';

const page = fileURLToPath(new URL('../examples/browser/index.html', import.meta.url));
const executablePath = (process.env.PATH ?? '')
  .split(':')
  .flatMap((place) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(place, name)))
  .find((path) => existsSync(path));

describe.skipIf(absent)('five classes from the trained GoogLeNet (where it lies in ../shared/data)', () => {
  const folder = temporaryFolder();
  const pictures = join(folder, 'pictures');
  const run = join(folder, 'run');

  beforeAll(() => {
    expect(groupSamples(samples, pictures, 15)).toEqual({ train: 60, test: 15 });
  });

  it('learns them in three epochs of the head alone, and leaves the features as they were', async () => {
    const request = ['--weights', weights, '--classes', '5', '--train-only', 'head', '--data', pictures];
    const length = ['--epochs', '3', '--batch', '12', '--validation', '0', '--dtype', 'f32'];
    const { code, stderr, stdout } = await laurel([
      'train',
      'googlenet',
      ...request,
      ...length,
      '--out',
      run,
      '--json',
    ]);
    expect(stderr).toContain('The head fc, which told 1000 classes apart, starts afresh for 5 classes.');
    expect(stderr).toContain('short side 256, centre 224x224, 0..255, mean 123, 117, 104, std 1, 1, 1.');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ status: 'finished', recipe: 'fine-tune', epochs: 3 });
    // Guessing is wrong four times out of five.
    expect(result.testTop1Error).toBeLessThanOrEqual(40);
    const before = readSafetensors(weights).tensors;
    const after = readSafetensors(result.weights.last);
    const pairs = {
      conv1: 'conv1/7x7_s2',
      'inception4c.branch3.1': 'inception_4c/5x5',
      'inception5b.branch1': 'inception_5b/1x1',
    };
    for (const [ours, theirs] of Object.entries(pairs)) {
      for (const part of ['weight', 'bias']) {
        const { data } = after.tensors.get(`${ours}.${part}`) ?? {};
        expect(data, ours).toEqual(before.get(`${theirs}.${part}`)?.data);
      }
    }
    const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    expect(config.preprocessing).toMatchObject({
      range: 255,
      resize: 256,
      normalise: { mean: [123, 117, 104] },
    });
    // The weights say it to whoever uses them: the error is the one that the training found.
    const test = await evaluate({ weights: run, data: pictures, dtype: 'f32' });
    expect(test.top1Error).toBeCloseTo(result.testTop1Error, 9);
  }, 300_000);

  it('gives its features to other programs', async () => {
    const out = join(folder, 'features');
    const layers = ['--layer', 'inception4e,avgpool', '--pool', 'average'];
    const { code } = await laurel([
      'features',
      'googlenet',
      '--weights',
      weights,
      '--data',
      pictures,
      ...layers,
      '--dtype',
      'f32',
      '--out',
      out,
    ]);
    expect(code).toBe(0);
    const features = readNpyTyped(join(out, 'avgpool.npy'));
    const labels = readNpyTyped(join(out, 'labels.npy'));
    expect([features.shape, labels.shape]).toEqual([[75, 1024], [75]]);
    expect(readNpyTyped(join(out, 'inception4e.npy')).shape).toEqual([75, 832]);
    // Nearest class mean, of the training pictures, for the test pictures: those rows come last.
    const row = (i: number): Float32Array => features.data.subarray(1024 * i, 1024 * (i + 1));
    const means = Array.from({ length: 5 }, () => new Float64Array(1024));
    for (let i = 0; i < 60; i++) {
      const mean = means[labels.data[i] as number] as Float64Array;
      for (const [j, value] of row(i).entries()) mean[j] = (mean[j] as number) + value / 12;
    }
    const distance = (a: Float32Array, b: Float64Array): number =>
      a.reduce((sum, value, j) => sum + (value - (b[j] as number)) ** 2, 0);
    let right = 0;
    for (let i = 60; i < 75; i++) {
      const distances = means.map((mean) => distance(row(i), mean));
      if (distances.indexOf(Math.min(...distances)) === labels.data[i]) right++;
    }
    expect(right).toBeGreaterThanOrEqual(9);
  }, 120_000);

  it.skipIf(executablePath === undefined)(
    'answers in a browser what Laurel answers (skipped where there is no Chromium)',
    async () => {
      const model = join(folder, 'five.onnx');
      exportOnnx({ weights: run, out: model, withPreprocessing: true });
      // Smaller than the network sees it, so that page and program enlarge it by the same rule.
      const picture = join(folder, 'dog.png');
      const [file] = readdirSync(join(pictures, 'test/dog'));
      await sharp(join(pictures, 'test/dog', file as string))
        .resize(200, 200)
        .png()
        .toFile(picture);
      const [answer] = await classify({ weights: run, images: [picture], top: 5, dtype: 'f32' });
      prepareBrowserExample();
      const root = process.getuid?.() === 0;
      const browser: Browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
      try {
        const opened = await browser.newPage();
        opened.setDefaultTimeout(60_000);
        await opened.goto(pathToFileURL(page).href);
        await opened.setInputFiles('#model-file', model);
        await opened.setInputFiles('#picture-file', picture);
        const got = await answers(opened);
        expect(got.map(({ name }) => name).sort()).toEqual(['bird', 'bug', 'dog', 'reptile', 'vehicle']);
        expect(got[0]?.name).toBe('dog');
        for (const { name, probability } of got) {
          const ours = answer?.top.find((each) => each.class === name)?.probability ?? Number.NaN;
          expect(Math.abs(probability - ours)).toBeLessThan(1e-4);
        }
      } finally {
        await browser.close();
      }
    },
    180_000,
  );
});

async function answers(page: Page): Promise<{ name: string; probability: number }[]> {
  await page.locator('#error:not([hidden]), #top li:nth-child(5)').waitFor();
  expect(await page.textContent('#error')).toBe('');
  const items = await page.locator('#top li').all();
  return Promise.all(
    items.map(async (item) => ({
      name: (await item.locator('.name').textContent()) ?? '',
      probability: Number(await item.getAttribute('data-probability')),
    })),
  );
}
