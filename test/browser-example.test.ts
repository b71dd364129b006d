// The page in examples/browser, in headless Chromium: a picture that is dropped on it gets the answer of
// `laurel classify`, from a folder and from a file server, without a request to anywhere else.
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Classification, classify } from '../src/evaluate/classify.ts';
import { exportOnnx } from '../src/evaluate/export-onnx.ts';
import { encodeModelInfo, type ModelInfo } from '../src/evaluate/preprocessing.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';
import { livelyWeights } from '../src/weights/onnx/testing.ts';
import { writeSafetensors } from '../src/weights/safetensors.ts';
import { prepareBrowserExample } from '../tools/browser-example.ts';
import { temporaryFolder } from './cli.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const folder = join(checkout, 'examples/browser');
const chelsea = join(checkout, 'test/fixtures/photos/chelsea.png');
const published = join(checkout, '../shared/data/googlenet-bvlc.safetensors');
const executablePath = (process.env.PATH ?? '')
  .split(':')
  .flatMap((place) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(place, name)))
  .find((path) => existsSync(path));

/** Weights that say what they are, and their ONNX file. */
function makeModel(info: Omit<ModelInfo, 'classes' | 'dataset'>, out: string): string {
  const { network, form, preprocessing } = info;
  const { graph, classes } = buildNetwork(findNetwork(network), { form });
  const names = Array.from({ length: classes }, (_, i) => `thing ${i}`);
  const weights = out.replace(/onnx$/, 'safetensors');
  const values = livelyWeights(graph);
  const tensors = new Map(
    [...graph.states].map(([name, { shape }]) => [name, { shape, data: values.get(name) as Float32Array }]),
  );
  writeSafetensors(
    weights,
    tensors,
    encodeModelInfo({ network, form, classes: names, dataset: 'test', preprocessing }),
  );
  exportOnnx({ weights, out, withPreprocessing: true });
  return weights;
}

type Top = Classification['top'];

/** What Laurel says: every class, most probable first. */
async function ours(weights: string, image: string): Promise<Top> {
  const [result] = await classify({ weights, images: [image], top: 1000, dtype: 'f32' });
  return result?.top ?? [];
}

const fileDropped = `([content, name]) => {
  const data = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([data], name));
  for (const type of ['dragover', 'drop']) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}`;

/** Drops a file on the page, as a user does with the mouse. */
async function drop(page: Page, path: string): Promise<void> {
  const argument = JSON.stringify([readFileSync(path).toString('base64'), basename(path)]);
  await page.evaluate(`(${fileDropped})(${argument})`);
}

interface Answer {
  readonly name: string;
  readonly index: number;
  readonly probability: number;
}

async function answers(page: Page): Promise<Answer[]> {
  await page.locator('#error:not([hidden]), #top li:nth-child(5)').waitFor();
  expect(await page.textContent('#error')).toBe('');
  const items = await page.locator('#top li').all();
  return Promise.all(
    items.map(async (item) => ({
      name: (await item.locator('.name').textContent()) ?? '',
      index: Number(await item.getAttribute('data-index')),
      probability: Number(await item.getAttribute('data-probability')),
    })),
  );
}

async function errorOf(page: Page): Promise<string> {
  await page.locator('#error:not([hidden])').waitFor();
  return (await page.textContent('#error')) ?? '';
}

/** The page's five answers are Laurel's first five, each within `tolerance`. */
function expectSame(got: readonly Answer[], expected: Top, tolerance: number): void {
  expect(got).toHaveLength(5);
  for (const { name, index, probability } of got) {
    const same = expected.find((candidate) => candidate.index === index);
    expect(name).toBe(same?.class);
    expect(Math.abs(probability - (same?.probability ?? Number.NaN))).toBeLessThan(tolerance);
  }
  expect(got[0]?.index).toBe(expected[0]?.index);
}

const missing = executablePath === undefined ? ': skipped, because there is no Chromium here' : '';

describe.skipIf(executablePath === undefined)(`the page in examples/browser${missing}`, () => {
  const files = temporaryFolder();
  const [colour, grey] = [join(files, 'resnet20.onnx'), join(files, 'lenet.onnx')];
  const address = pathToFileURL(join(folder, 'index.html')).href;
  let browser: Browser;
  let server: Server;
  const strangers: string[] = [];

  const open = async (url = address): Promise<Page> => {
    const page = await browser.newPage();
    page.setDefaultTimeout(45_000);
    page.on('request', (request) => {
      if (!/^(file|blob|data|http:\/\/127\.0\.0\.1)/.test(request.url())) strangers.push(request.url());
    });
    page.on('pageerror', (error) => strangers.push(error.message));
    await page.goto(url);
    return page;
  };

  beforeAll(async () => {
    prepareBrowserExample();
    const normalise = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] };
    const small = { channels: 3, height: 32, width: 32, pad: 0, normalise, order: 'BGR' } as const;
    makeModel({ network: 'resnet20', form: 'cifar', preprocessing: small }, colour);
    const one = { channels: 1, height: 28, width: 28, pad: 2, normalise: { mean: [0.3], std: [0.3] } };
    makeModel({ network: 'lenet', form: 'imagenet', preprocessing: one }, grey);
    const root = process.getuid?.() === 0;
    browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      const path = pathname === '/model.onnx' ? colour : join(folder, pathname);
      const types: Record<string, string> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };
      if (!existsSync(path)) return response.writeHead(404).end();
      response.setHeader('content-type', types[path.split('.').pop() ?? ''] ?? 'application/octet-stream');
      response.end(readFileSync(path));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each([
    ['a picture of the size that the network sees, to the last digit', colour, 32, 1e-4],
    ['a grey network a coloured picture', grey, 28, 1e-2],
  ])('tells of %s, what `laurel classify` tells', async (_, model, size, tolerance) => {
    const picture = join(files, `chelsea-${size}.png`);
    await sharp(chelsea).resize(size, size).toFile(picture);
    const page = await open();
    await drop(page, model);
    await drop(page, picture);
    expectSame(await answers(page), await ours(model.replace(/onnx$/, 'safetensors'), picture), tolerance);
    await page.close();
  });

  it('scales pictures as Laurel does, also when the picture comes first and from a file server', async () => {
    const { port } = server.address() as AddressInfo;
    const page = await open(`http://127.0.0.1:${port}/index.html?model=model.onnx`);
    await drop(page, chelsea);
    expectSame(await answers(page), await ours(colour.replace(/onnx$/, 'safetensors'), chelsea), 0.05);
    expect(await page.textContent('#model-details')).toMatch(/^form cifar, 10 classes, 32x32 pixels/);
    await page.close();
  });

  it.skipIf(!existsSync(published))(
    'knows the cat (skipped where the published GoogLeNet is absent)',
    async () => {
      const out = join(files, 'googlenet.onnx');
      exportOnnx({ network: 'googlenet', weights: published, out, withPreprocessing: true });
      const page = await open();
      await page.setInputFiles('#model-file', out);
      await page.setInputFiles('#picture-file', chelsea);
      const got = await answers(page);
      expect(got[0]?.name).toBe('Egyptian cat');
      expectSame(got, await ours(published, chelsea), 0.02);
      await page.close();
    },
  );

  it('says in a sentence what is wrong with a file, and goes on', async () => {
    const page = await open();
    const plain = join(files, 'plain.onnx');
    exportOnnx({ weights: colour.replace(/onnx$/, 'safetensors'), out: plain });
    await page.setInputFiles('#model-file', plain);
    expect(await errorOf(page)).toMatch(
      /^plain\.onnx does not take the pixels of a picture\. Export it again: laurel/,
    );
    await page.setInputFiles('#model-file', chelsea);
    expect(await errorOf(page)).toMatch(/^chelsea\.png is not an ONNX file/);
    await page.setInputFiles('#picture-file', join(folder, 'page.js'));
    await page.getByText('page.js is not a picture that this browser can read').waitFor();
    await page.setInputFiles('#model-file', colour);
    await page.setInputFiles('#picture-file', chelsea);
    expect(await answers(page)).toHaveLength(5);
    await page.close();
  });

  it('can be worked with the keyboard, and shows where the focus is', async () => {
    const page = await open();
    // Heard from the start: a chooser that opens before the browser knows that somebody listens is lost.
    const files = [colour, chelsea];
    page.on('filechooser', (chooser) => chooser.setFiles(files.shift() ?? []));
    for (const id of ['model-file', 'picture-file']) {
      await page.keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.id')).toBe(id);
      const outline = await page.evaluate(
        `getComputedStyle(document.querySelector('label[for=${id}]')).outlineStyle`,
      );
      expect(outline).toBe('solid');
      await page.keyboard.press('Space');
    }
    expect(await answers(page)).toHaveLength(5);
    await page.close();
  });

  it('follows the system into the dark', async () => {
    const page = await open();
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await background()).not.toBe(light);
    await page.close();
  });

  it('asked nobody else for anything', () => {
    expect(strangers).toEqual([]);
  });
});
