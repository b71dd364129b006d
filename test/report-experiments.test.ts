// The experiments of a report (evolution, invariance, correspondence, dead maps, probe): what is put into the site, what
// is refused before anything long begins, and their pages in headless Chromium.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { makeEvolution } from '../src/explain/evolution-open.ts';
import { makeProbe } from '../src/explain/probe-open.ts';
import { type ReportResult, writeReport } from '../src/report/report.ts';
import { readNpy } from '../src/weights/npy.ts';
import { writeSafetensors } from '../src/weights/safetensors.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { startingWeights } from './network-files.ts';
import { writeBandPng, writeBands } from './pictures.ts';

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
const site = file('report');
const network = 'lenet';
const engine = createReferenceEngine();
let result: ReportResult;

/** What a data file hands to the page. */
// biome-ignore lint/suspicious/noExplicitAny: each file has a form of its own.
function handed(name: string): any {
  let value: unknown;
  const put = (_: string, content: unknown): void => {
    value = content;
  };
  new Function('laurel', readFileSync(join(site, `data/${name}.js`), 'utf8'))({ put });
  return value;
}

const shape = (address: string): readonly number[] => readNpy(join(site, address)).shape;

beforeAll(async () => {
  writeBands(file('bands'), { train: 20, test: 12 });
  for (const [i, name] of ['w', 'late'].entries()) {
    writeSafetensors(file(`${name}.safetensors`), startingWeights(network, { seed: i + 1 }), {
      epoch: String(i),
    });
  }
  for (const label of [1, 3]) await writeBandPng(file(`${label}.png`), label);
  const box = { left: 4, top: 6, width: 6, height: 5 };
  const other = { left: 12, top: 14, width: 8, height: 8 };
  writeFileSync(
    file('boxes.json'),
    JSON.stringify({
      pictures: [1, 3].map((label) => ({ image: `${label}.png`, parts: { band: box, rest: other } })),
    }),
  );
  const data = file('bands');
  const share = { network, data, engine, dtype: 'f32' } as const;
  // As a watched training leaves them.
  mkdirSync(file('run/checkpoints'), { recursive: true });
  mkdirSync(file('run/evolution'));
  copyFileSync(file('w.safetensors'), file('run/checkpoints/last.safetensors'));
  const snapshots = ['w', 'late'].map((name, i) => {
    copyFileSync(file(`${name}.safetensors`), file(`run/evolution/epoch-${i}.safetensors`));
    return file(`run/evolution/epoch-${i}.safetensors`);
  });
  await makeEvolution({
    ...share,
    weights: snapshots,
    split: 'test',
    layers: ['conv1', 'conv2'],
    maps: 3,
    out: file('run/evolution'),
  });
  await makeProbe({
    ...share,
    weights: file('w.safetensors'),
    layers: ['pixels', 'pool2'],
    epochs: 1,
    out: file('probe'),
  });
  result = await writeReport({
    ...share,
    weights: file('run'),
    out: site,
    layers: ['conv2'],
    maps: 1,
    pictures: ['0', '7'],
    occlusionPlaces: 3,
    boxes: file('boxes.json'),
    probe: file('probe'),
  });
});

describe('the experiments of a report', () => {
  it('are the ones that there are data for', () => {
    expect(result.experiments).toEqual([
      'evolution/conv1',
      'evolution/conv2',
      'invariance',
      'correspondence',
      'health',
      'probe',
    ]);
  });

  it('take the evolution from the watched run, animation included', () => {
    const evolution = handed('evolution/conv2');
    const record = JSON.parse(readFileSync(file('run/evolution/evolution-conv2.json'), 'utf8'));
    expect(evolution.stages).toEqual([
      { name: 'epoch 0', epoch: 0 },
      { name: 'epoch 1', epoch: 1 },
    ]);
    for (const [m, { unit, moments }] of record.maps.entries()) {
      expect(evolution.maps[m].unit).toBe(unit);
      for (const [s, { index, activation, jump, scale }] of moments.entries()) {
        expect(evolution.maps[m].moments[s]).toMatchObject({ index, activation, jump });
        // Drawn from the stored projection, at its own contrast.
        expect(evolution.maps[m].moments[s].drawn.scale).toBeCloseTo(scale, 6);
      }
    }
    expect(shape(evolution.projections).slice(0, 3)).toEqual([3, 2, 1]);
    expect(readFileSync(join(site, evolution.animation))).toEqual(
      readFileSync(file('run/evolution/evolution-conv2.webp')),
    );
  });

  it('measure the chosen pictures by their true classes', () => {
    const { pictures, layers, transformations } = handed('invariance');
    expect(pictures.map((each: { known: boolean }) => each.known)).toEqual([true, true]);
    expect(pictures.map((each: { class: string }) => each.class)).toEqual(['0', '7']);
    expect(transformations.map(({ kind }: { kind: string }) => kind)).toEqual([
      'translation',
      'scale',
      'rotation',
    ]);
    for (const { amounts, still, relative, strips, shown, npy } of transformations) {
      expect(relative[amounts.indexOf(still)]).toBe(0);
      expect(Math.max(...relative)).toBeGreaterThan(0);
      expect(strips).toHaveLength(2);
      expect([shown[0], shown.at(-1)]).toEqual([0, amounts.length - 1]);
      expect(shape(npy.distance)).toEqual([layers.length, 2, amounts.length]);
    }
  });

  it('hold correspondence, dead maps and the probe with their data', () => {
    const { parts, layers, npy } = handed('correspondence');
    expect(parts).toEqual(['band', 'rest']);
    expect(shape(npy.parts)).toEqual([layers.length, 2, 1]);
    const stored = readNpy(join(site, npy.parts)).data;
    expect(layers[0].parts[1].mean).toBeCloseTo(stored[1] as number, 6);
    const [health] = handed('health').layers;
    expect([health.layer, health.units, health.awake.length]).toEqual(['conv2', 16, 16]);
    expect(health.awake).toEqual([...health.awake].sort((a: number, b: number) => a - b));
    const probe = JSON.parse(readFileSync(file('probe/probe.json'), 'utf8'));
    expect(handed('probe').layers.map(({ test }: { test: object }) => test)).toEqual(
      probe.layers.map(({ test }: { test: object }) => test),
    );
  });

  it('project the watched map of an occlusion in the other pictures too', () => {
    const { inOthers, unit } = handed('view-1').occlusion;
    expect(Number.isInteger(unit)).toBe(true);
    expect(inOthers.drawn.map(({ view }: { view: number }) => view)).toEqual([1, 0]);
    expect(shape(inOthers.npy)).toEqual([2, 1, 32, 32]);
  });

  it('refuse in a sentence what does not belong to the network', async () => {
    const wrong = async (...more: string[]): Promise<[number | null, string]> => {
      const fixed = ['report', network, '--weights', file('w.safetensors'), '--data', file('bands')];
      const { code, stderr } = await laurel([...fixed, '--no-cache', '--out', file('wrong'), ...more]);
      return [code, stderr.trim()];
    };
    expect(await wrong('--evolution', file('bands'))).toEqual([
      2,
      expect.stringMatching(
        /^error: \S+bands holds no evolution \(evolution-LAYER\.json\)\. Train with --watch/,
      ),
    ]);
    const json = file('run/evolution/evolution-conv2.json');
    const record = readFileSync(json, 'utf8');
    mkdirSync(file('foreign'));
    writeFileSync(file('foreign/evolution-conv2.json'), record.replace('"units": 16', '"units": 64'));
    expect(await wrong('--evolution', file('foreign'))).toEqual([
      2,
      expect.stringMatching(/is of another network: its conv2 has 64 maps of 10x10, that of lenet has 16/),
    ]);
    writeFileSync(file('foreign/evolution-conv2.json'), '{');
    expect(await wrong('--evolution', file('foreign'))).toEqual([
      1,
      expect.stringMatching(/^error: Cannot read the evolution \S+evolution-conv2\.json/),
    ]);
    expect(await wrong('--probe', file('bands'))).toEqual([
      2,
      expect.stringMatching(/^error: \S+bands holds no probe \(probe\.json\)/),
    ]);
    writeFileSync(
      file('outside.json'),
      readFileSync(file('boxes.json'), 'utf8').replace('"left":12', '"left":26'),
    );
    expect(await wrong('--boxes', file('outside.json'))).toEqual([
      2,
      expect.stringMatching(/^error: The box of 'rest' in \S+1\.png lies outside the picture/),
    ]);
    expect(existsSync(file('wrong'))).toBe(false);
  });

  it('say how to draw the evolution of a run that was watched and stopped before', async () => {
    const notes: string[] = [];
    renameSync(file('run/evolution/evolution-conv1.json'), file('conv1.json'));
    renameSync(file('run/evolution/evolution-conv2.json'), file('conv2.json'));
    const { experiments } = await writeReport({
      network,
      weights: file('run'),
      data: file('bands'),
      engine,
      dtype: 'f32',
      out: file('undrawn'),
      layers: ['conv1'],
      maps: 0,
      pictures: ['0'],
      occlusionPlaces: 0,
      invariance: false,
      onNote: (note) => notes.push(note),
    });
    expect(experiments).toEqual(['health']);
    expect(notes.join('\n')).toMatch(
      /was watched, but its evolution is not drawn.*laurel viz evolution lenet --runs/,
    );
  });
});

const executablePath = (process.env.PATH ?? '')
  .split(':')
  .flatMap((place) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(place, name)))
  .find((path) => existsSync(path));
const missing = executablePath === undefined ? ': skipped, because there is no Chromium here' : '';

describe.skipIf(executablePath === undefined)(`the pages of experiments${missing}`, () => {
  let browser: Browser;
  const complaints: string[] = [];

  const open = async (address: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
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

  beforeAll(async () => {
    const root = process.getuid?.() === 0;
    browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
  });
  afterAll(async () => {
    await browser?.close();
  });

  it('are listed on the first page, and lead on with the arrows', async () => {
    const page = await open('');
    await page.locator('.experiments a', { hasText: 'Invariance' }).click();
    await shown(page, '#invariance');
    await page.keyboard.press('ArrowRight');
    await shown(page, '#correspondence');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await shown(page, '#evolution/conv2');
    await page.keyboard.press('Shift+ArrowLeft');
    await shown(page, '#evolution/conv1');
    await page.close();
  });

  it.each([
    ['#evolution/conv2', ['animation', 'evolution'], /figure 4/],
    ['#invariance', ['translation', 'scale', 'rotation'], /figure 5/],
    ['#correspondence', ['correspondence'], /table 1/],
    ['#health', ['health'], /figure 6/],
    ['#probe', ['probe'], /table 7/],
  ])(
    '%s says what it shows, how to read it and where it is from, and gives its data',
    async (address, kinds, source) => {
      const page = await open(address);
      const panels = page.locator('#view .panel');
      expect(await panels.evaluateAll((all) => all.map((each) => each.dataset.kind))).toEqual(kinds);
      for (const panel of await panels.all()) {
        expect(await panel.locator('dt').allTextContents()).toEqual([
          'What this shows',
          'How to read it',
          'What to look for',
        ]);
        expect(await panel.locator('.source').textContent()).toMatch(source);
        expect(await panel.locator('a[download]').count()).toBeGreaterThan(0);
        for (const picture of await panel.locator('canvas:not([aria-hidden]), svg').all()) {
          expect(await picture.getAttribute('aria-label')).toMatch(/\w/);
        }
      }
      await page.close();
    },
  );

  it('step through the moments of an evolution, by hand and by themselves', async () => {
    const page = await open('#evolution/conv2');
    const now = page.locator('.now');
    expect(await now.textContent()).toBe('epoch 1');
    const drawn = () =>
      page.evaluate(
        `[...document.querySelectorAll('[data-kind=animation] canvas')].map((each) => each.toDataURL()).join()`,
      );
    const late = await drawn();
    await page.keyboard.press('ArrowLeft');
    expect(await now.textContent()).toBe('epoch 0');
    expect(await drawn()).not.toBe(late);
    await page.getByRole('button', { name: 'Play' }).click();
    await page.locator('.now', { hasText: 'epoch 1' }).waitFor();
    expect(await drawn()).toBe(late);
    await page.getByRole('button', { name: 'Play' }).waitFor();
    await page.close();
  });

  it('show distances raw or relative, on one axis or each on its own', async () => {
    const page = await open('#invariance');
    const line = () =>
      page.locator('[data-kind=scale] .chart').nth(1).locator('path.line').first().getAttribute('d');
    const titles = () => page.locator('[data-kind=scale] .chart figcaption').allTextContents();
    const own = await line();
    expect((await titles())[0]).toMatch(/^Relative distance in conv1/);
    await page.locator('[data-kind=scale] .actions button', { hasText: 'Raw' }).click();
    expect((await titles())[0]).toMatch(/^Distance in conv1/);
    await page.locator('[data-kind=scale] .actions button', { hasText: 'Raw' }).click();
    await page.keyboard.press('s');
    expect(await line()).not.toBe(own);
    await page.keyboard.press('s');
    expect(await line()).toBe(own);
    await page.close();
  });

  it('give charts away as PNG, with their lines', async () => {
    const page = await open('#correspondence', { acceptDownloads: true });
    const [png] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save Correspondence as PNG' }).click(),
    ]);
    const { default: sharp } = await import('sharp');
    const { data, info } = await sharp(await png.path())
      .raw()
      .toBuffer({ resolveWithObject: true });
    // The first series' blue, which nothing else on the page has.
    let blue = 0;
    for (let at = 0; at < data.length; at += info.channels) {
      if (data[at] === 0 && data[at + 1] === 0x72 && data[at + 2] === 0xb2) blue++;
    }
    expect(blue).toBeGreaterThan(500);
    await page.close();
  });

  it('say which experiments there are where one is not', async () => {
    const page = await open('#evolution/conv9');
    expect(await page.locator('#view .lead').textContent()).toMatch(
      /^This report has no #evolution\/conv9; its experiments are #evolution\/conv1, #evolution\/conv2, #invariance/,
    );
    await page.close();
  });

  it('asked nobody for anything, and complained of nothing', () => {
    expect(complaints).toEqual([]);
  });
});
