// A report of a small LeNet: its files, and its pages in headless Chromium, opened from the folder without a server.
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { type ReportResult, writeReport } from '../src/report/report.ts';
import { readNpy } from '../src/weights/npy.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { writeStartingWeights } from './network-files.ts';
import { writeBands } from './pictures.ts';

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
const site = file('report');
let result: ReportResult;

function request(more: Partial<Parameters<typeof writeReport>[0]> = {}) {
  return {
    network: 'lenet',
    weights: file('w.safetensors'),
    data: file('bands'),
    engine: createReferenceEngine(),
    dtype: 'f32',
    out: site,
    maps: 2,
    pictures: ['0', '7'],
    occlusionPlaces: 4,
    scans: file('scans'),
    ...more,
  } as const;
}

/** What a data file hands to the page. */
function handed(name: string): Record<string, unknown> {
  let value: Record<string, unknown> = {};
  const put = (given: string, content: Record<string, unknown>): void => {
    expect(given).toBe(name);
    value = content;
  };
  new Function('laurel', readFileSync(join(site, `data/${name}.js`), 'utf8'))({ put });
  return value;
}

beforeAll(async () => {
  writeStartingWeights(file('w.safetensors'), 'lenet', {});
  writeBands(file('bands'), { train: 20, test: 20 });
  // A layer that was scanned before by another report belongs into this one.
  await writeReport(request({ out: file('before'), layers: ['pool1'], maps: 0, occlusionPlaces: 0 }));
  result = await writeReport(request());
});

describe('a report', () => {
  it('holds the last layer at each size of the maps, and what was scanned before', () => {
    expect(result.layers.map(({ path, projected }) => [path, projected.length])).toEqual([
      ['conv1', 2],
      ['pool1', 0],
      ['conv2', 2],
    ]);
    expect(result.out).toBe(join(site, 'index.html'));
  });

  it('has every unit of a scanned layer, with the data of what was projected', () => {
    const layer = handed('conv2/layer') as { entries: { value: number; picture: number }[][]; npy: string };
    expect(layer.entries).toHaveLength(16);
    for (const entries of layer.entries) {
      expect(entries).toHaveLength(9);
      const values = entries.map(({ value }) => value);
      expect(values).toEqual([...values].sort((a, b) => b - a));
      for (const { picture } of entries)
        expect(existsSync(join(site, `data/pictures/${picture}.js`))).toBe(true);
    }
    const strongest = readNpy(join(site, layer.npy));
    expect(Array.from(strongest.data)).toEqual(layer.entries.map(([first]) => first?.value));
    const [unit] = result.layers.at(-1)?.projected ?? [];
    const projected = handed(`conv2/unit-${unit}`) as { npy: string; drawn: { range: [number, number] }[] };
    const { shape, data } = readNpy(join(site, projected.npy));
    expect(shape.slice(0, 2)).toEqual([9, 1]);
    const each = data.length / 9;
    projected.drawn.forEach(({ range }, i) => {
      const values = data.subarray(i * each, (i + 1) * each);
      // Boxes at the borders are smaller than the array, which is zero around them.
      expect(Math.min(0, range[0])).toBe(Math.min(0, ...values));
      expect(Math.max(0, range[1])).toBe(Math.max(0, ...values));
    });
  });

  it('asks nobody for anything', () => {
    for (const path of globSync('**/*.{html,js,css}', { cwd: site })) {
      expect(readFileSync(join(site, path), 'utf8'), path).not.toMatch(/https?:\/\/|@import|fetch\(|url\(/);
    }
  });

  it('takes the place of an earlier report, and of nothing else', async () => {
    await writeReport(request({ out: file('before'), layers: ['conv1'], maps: 1, occlusionPlaces: 0 }));
    expect(existsSync(file('before/data/conv1/layer.js'))).toBe(true);
    mkdirSync(file('mine'));
    writeFileSync(file('mine/letter.txt'), 'dear');
    await expect(writeReport(request({ out: file('mine') }))).rejects.toThrow(
      /mine is there and is no report/,
    );
    expect(readdirSync(file('mine'))).toEqual(['letter.txt']);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const controller = new AbortController();
    const stopped = writeReport(
      request({
        out: file('stopped'),
        signal: controller.signal,
        onStatus: (text) => {
          if (text.includes('maps projected')) controller.abort();
        },
      }),
    );
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(readdirSync(folder).filter((name) => name.includes('stopped'))).toEqual([]);
  });

  it('says in a sentence what is wrong', async () => {
    const wrong = async (...more: string[]) => {
      const fixed = ['report', 'lenet', '--weights', file('w.safetensors'), '--data', file('bands')];
      const { code, stderr } = await laurel([...fixed, '--no-cache', '--out', file('wrong'), ...more]);
      return [code, stderr.trim()];
    };
    expect(await wrong('--layers', 'conv9')).toEqual([
      2,
      expect.stringMatching(/^error: lenet .* has no layer 'conv9'\. Did you mean conv1/),
    ]);
    expect(await wrong('--pictures', 'nowhere.png')).toEqual([
      2,
      expect.stringMatching(/^error: There is no picture nowhere\.png\./),
    ]);
    expect(await wrong('--pictures', '20')).toEqual([
      2,
      expect.stringMatching(/has no picture 20; its 20 pictures/),
    ]);
    expect(existsSync(file('wrong'))).toBe(false);
  });
});

const executablePath = (process.env.PATH ?? '')
  .split(':')
  .flatMap((place) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(place, name)))
  .find((path) => existsSync(path));
const missing = executablePath === undefined ? ': skipped, because there is no Chromium here' : '';

describe.skipIf(executablePath === undefined)(`the pages of a report${missing}`, () => {
  let browser: Browser;
  const complaints: string[] = [];

  const open = async (address = '', options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage(options);
    page.setDefaultTimeout(20_000);
    page.on('request', (each) => {
      if (!/^(file|blob|data):/.test(each.url())) complaints.push(each.url());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(pathToFileURL(join(site, 'index.html')).href + address);
    await shown(page, address || '#/');
    return page;
  };
  const shown = (page: Page, address: string) =>
    page.locator(`body[data-place="${address}"]`).waitFor({ state: 'attached' });
  const heading = (page: Page) => page.locator('main:not([hidden]) h1').textContent();
  const projected = (path: string) =>
    result.layers.find((layer) => layer.path === path)?.projected as readonly number[];

  beforeAll(async () => {
    const root = process.getuid?.() === 0;
    browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
  });
  afterAll(async () => {
    await browser?.close();
  });

  it('begin with the layers, the pictures, the filters and the network', async () => {
    const page = await open();
    expect(await heading(page)).toBe('Inside lenet, form imagenet');
    const table = page.locator('.start table');
    expect(await table.first().locator('tbody a').allTextContents()).toEqual(['conv1', 'pool1', 'conv2']);
    expect(await table.last().locator('tbody tr').count()).toBe(7);
    expect(await table.last().locator('tbody a').count()).toBe(3);
    expect(await page.locator('.pictures img').count()).toBe(2);
    await page.locator('[data-kind=filters] .sheet-of-filters').waitFor();
    await page.locator('#diagram .scanned a', { hasText: 'conv 5×5, 16' }).click();
    await shown(page, '#/conv2');
    expect(await heading(page)).toBe('conv2');
    expect(await page.locator('.units a').count()).toBe(16);
    await page.close();
  });

  it('show a unit at its address, with what it means and where it is from', async () => {
    const [unit] = projected('conv2');
    const page = await open(`#/conv2/${unit}`);
    expect(await heading(page)).toBe(`conv2, map ${unit}`);
    expect(await page.locator('[data-kind=top] canvas').count()).toBe(18);
    expect(await page.locator('[data-kind=top] dt').allTextContents()).toEqual([
      'What this shows',
      'How to read it',
      'What to look for',
    ]);
    expect(await page.locator('#view .source').textContent()).toContain('figure 2');
    for (const canvas of await page.locator('#view canvas:not([aria-hidden])').all()) {
      expect(await canvas.getAttribute('aria-label')).toMatch(/\w/);
    }
    await page.close();
  });

  it('move with the arrows between maps and layers, and leave those that scroll alone', async () => {
    const [first, second] = projected('conv2');
    const page = await open(`#/conv2/${first}`);
    await page.keyboard.press('ArrowRight');
    await shown(page, `#/conv2/${second}`);
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1');
    await page.keyboard.press('ArrowRight');
    await shown(page, `#/conv2/${first}`);
    await page.keyboard.press('Shift+ArrowRight');
    await shown(page, `#/conv2/${((first as number) + 1) % 16}`);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+ArrowUp');
    await shown(page, '#/pool1');
    await page.keyboard.press('ArrowRight');
    await shown(page, '#/conv2');
    await page.keyboard.press('h');
    await shown(page, '#/');
    await page.close();
  });

  it('draw on one scale or on each its own', async () => {
    const page = await open(`#/conv1/${projected('conv1')[0]}`);
    const drawn = () =>
      page.evaluate(
        `[...document.querySelectorAll('[data-kind=top] canvas')].map((each) => each.toDataURL()).join()`,
      );
    const own = await drawn();
    expect(await page.locator('.caption').textContent()).toContain('Each on its own scale');
    await page.locator('[data-scale=shared]').click();
    expect(await page.locator('[data-scale=shared]').getAttribute('aria-pressed')).toBe('true');
    expect(await page.locator('.caption').textContent()).toContain('One scale for the nine');
    expect(await drawn()).not.toBe(own);
    await page.keyboard.press('s');
    expect(await drawn()).toBe(own);
    await page.close();
  });

  it('show every scanned unit, also without projections', async () => {
    const page = await open('#/pool1/3');
    expect(await page.locator('[data-kind=pictures] .frame').count()).toBe(9);
    await page.close();
  });

  it('explain the chosen pictures', async () => {
    const page = await open('#pictures/1');
    const kinds = await page
      .locator('#view .panel')
      .evaluateAll((panels) => panels.map((each) => each.dataset.kind));
    expect(kinds).toEqual(['answer', 'gradcam', 'occlusion', 'rules', 'activations']);
    await page.keyboard.press('ArrowRight');
    await shown(page, '#pictures/0');
    await page.close();
  });

  it('give panels away as PNG and data as NumPy files', async () => {
    const page = await open(`#/conv2/${projected('conv2')[0]}`, { acceptDownloads: true });
    const [png] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save The nine strongest pictures as PNG' }).click(),
    ]);
    expect(png.suggestedFilename()).toMatch(/^lenet-conv2-\d+\.png$/);
    expect(
      readFileSync(await png.path())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
    const [data] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('[data-kind=top] a[download]').click(),
    ]);
    expect(readNpy(await data.path()).shape.slice(0, 2)).toEqual([9, 1]);
    await page.close();
  });

  it('are light or dark as the system is, and as the reader wants', async () => {
    const page = await open('', { colorScheme: 'dark' });
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const dark = await background();
    await page.locator('#theme').click();
    const light = await background();
    expect(light).not.toBe(dark);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await background()).toBe(light);
    await page.keyboard.press('d');
    expect(await background()).toBe(dark);
    await page.close();
  });

  it('say in a sentence what is not there', async () => {
    const page = await open('#/conv9/1');
    expect(await page.locator('#view .lead').textContent()).toMatch(/^No layer conv9 was scanned/);
    await page.goto(`${pathToFileURL(join(site, 'index.html')).href}#/conv2/16`);
    await page.getByText('conv2 has no such map; its maps are 0 to 15.').waitFor();
    await page.close();
  });

  it('can be worked with the keyboard, and show where the focus is', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.tagName')).toBe('MAIN');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await page.close();
  });

  it('asked nobody for anything, and complained of nothing', () => {
    expect(complaints).toEqual([]);
  });
});
