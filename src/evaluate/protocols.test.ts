// Protocols, folders and ensembles from end to end, with a small network that has learnt something.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { temporaryFolder, writeSyntheticIdx } from '../train/testing.ts';
import { train } from '../train/trainer.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { classify } from './classify.ts';
import { windowsOf } from './crops.ts';
import { evaluate } from './evaluate.ts';

const engine = createReferenceEngine();
const own = { engine, dtype: 'f32' } as const;
let folder: string;
let shapes: string;
let weights: string;
let other: string;

beforeAll(async () => {
  folder = temporaryFolder();
  shapes = writeSyntheticIdx(join(folder, 'shapes'), { train: 40, test: 11, classes: 4 });
  const trainFor = async (name: string, epochs: number): Promise<string> => {
    const result = await train({
      network: 'lenet',
      form: 'article',
      data: shapes,
      ...own,
      out: join(folder, name),
      recipe: 'lenet',
      overrides: { epochs, batch: 8, learningRate: 0.03, flip: false },
      validation: 0,
      workers: 0,
    });
    return result.weights.last as string;
  };
  weights = await trainFor('run', 4);
  other = await trainFor('other', 1);
  await writeFolder('pictures', ['0', '1', '2', '3']);
  await writeFolder('some', ['3', '1']);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** The test pictures of some classes as PNGs in a folder for each. */
async function writeFolder(name: string, classes: readonly string[]): Promise<void> {
  const bytes = readFileSync(join(shapes, 't10k-images-idx3-ubyte')).subarray(16);
  for (let i = 0; i < 11; i++) {
    const label = String(i % 4);
    if (!classes.includes(label)) continue;
    const place = join(folder, name, label);
    mkdirSync(place, { recursive: true });
    const raw = { width: 28, height: 28, channels: 1 } as const;
    const file = join(place, `${String(i).padStart(2, '0')}.png`);
    await sharp(bytes.subarray(784 * i, 784 * (i + 1)), { raw })
      .toColourspace('b-w')
      .png()
      .toFile(file);
  }
}

const probabilitiesOf = (top: readonly { index: number; probability: number }[]): number[] =>
  top.toSorted((a, b) => a.index - b.index).map(({ probability }) => probability);

function expectClose(got: readonly number[] = [], wanted: readonly number[] = []): void {
  expect(got).toHaveLength(wanted.length);
  for (const [i, value] of got.entries()) expect(value).toBeCloseTo(wanted[i] as number, 5);
}

describe('a folder of pictures', () => {
  it('gives what the same pictures give as a data set, whatever the batch', async () => {
    const asSet = await evaluate({ weights, data: shapes, ...own });
    for (const batch of [1, 4, 100]) {
      const asFolder = await evaluate({ weights, data: join(folder, 'pictures'), batch, ...own });
      expect(asFolder).toMatchObject({ n: 11, top1Error: asSet.top1Error, confusion: asSet.confusion });
      expect(asFolder.loss).toBeCloseTo(asSet.loss, 5);
    }
  });

  it('with some of the classes is matched by name', async () => {
    const all = await evaluate({ weights, data: join(folder, 'pictures'), ...own });
    const some = await evaluate({ weights, data: join(folder, 'some'), ...own });
    expect(some.perClass.map(({ n }) => n)).toEqual([0, 3, 0, 2]);
    expect([some.confusion[1], some.confusion[3]]).toEqual([all.confusion[1], all.confusion[3]]);
    await writeFolder('strange', ['1']);
    mkdirSync(join(folder, 'strange', 'bird'));
    await expect(evaluate({ weights, data: join(folder, 'strange'), ...own })).rejects.toThrow(
      /the folder 'bird' is none of the 4 classes/,
    );
  });

  it('gives the lines of each picture and the worst mistakes', async () => {
    const data = join(folder, 'pictures');
    const files = ['csv', 'json'].map((ending) => join(folder, `pp.${ending}`)) as [string, string];
    const mistakes = join(folder, 'mistakes.png');
    const confusion = join(folder, 'confusion.csv');
    const call = { weights: other, network: 'lenet', data, ...own };
    const result = await evaluate({ ...call, perPicture: files[0], figures: { mistakes, confusion } });
    await evaluate({ ...call, perPicture: files[1] });
    expect(existsSync(mistakes)).toBe(true);
    const rows = JSON.parse(readFileSync(files[1], 'utf8'));
    expect(rows).toHaveLength(11);
    const wrong = rows.filter((row: { place: number }) => row.place > 1).length;
    expect(result.top1Error).toBeCloseTo((100 * wrong) / 11, 8);
    const [heading, first] = readFileSync(files[0], 'utf8').split('\r\n');
    expect(heading).toMatch(/^picture,class,place,probability,answer1,probability1,/);
    expect(first?.split(',').slice(0, 3)).toEqual([join(data, '0', '00.png'), '0', String(rows[0].place)]);
    expect(readFileSync(confusion, 'utf8').split('\r\n')[1]).toBe(`"0",${result.confusion[0]?.join(',')}`);
    await expect(evaluate({ ...call, perPicture: join(folder, 'pp.txt') })).rejects.toThrow(
      /\.csv or \.json/,
    );
  });

  it('is taken whole by weights of another program, and by position', async () => {
    const foreign = join(folder, 'foreign.safetensors');
    writeSafetensors(foreign, readSafetensors(weights).tensors);
    const notes: string[] = [];
    const data = join(folder, 'pictures');
    const call = { weights: foreign, network: 'lenet', form: 'article', data, ...own } as const;
    const result = await evaluate({ ...call, onNote: (note) => notes.push(note) });
    expect(result.n).toBe(11);
    expect(notes.join()).toMatch(/does not say how pictures are prepared/);
    await expect(evaluate({ ...call, data: join(folder, 'some') })).rejects.toThrow(
      /has 4 classes, whose names it does not say, but .*some has 2/,
    );
  });
});

describe('crops', () => {
  const side = 40;
  let picture: string;

  beforeAll(async () => {
    picture = join(folder, 'large.png');
    const pixels = Uint8Array.from({ length: side * 50 }, (_, i) => (i * i * 7 + 13 * i) % 256);
    await sharp(pixels, { raw: { width: 50, height: side, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(picture);
  });

  /** Each window cut out as a file of its own, classified, and averaged. */
  async function byHand(crops: '1' | '10' | '144'): Promise<number[]> {
    const windows = windowsOf(crops, { height: side, width: 50 }, { height: 28, width: 28 });
    const files = await Promise.all(
      windows.map(async ({ top, left, height, width, mirror }, i) => {
        const file = join(folder, `window-${crops}-${i}.png`);
        const part = sharp(picture).extract({ top, left, width, height }).flop(mirror);
        await part.toColourspace('b-w').png().toFile(file);
        return file;
      }),
    );
    const answers = await classify({ weights, images: files, ...own });
    const each = answers.map(({ top }) => probabilitiesOf(top));
    return [0, 1, 2, 3].map((c) => each.reduce((sum, p) => sum + (p[c] as number), 0) / each.length);
  }

  it.each(['1', '10'] as const)('%s: the mean of the windows that are cut by hand', async (crops) => {
    const [result] = await classify({ weights, images: [picture], crops, scales: [side], ...own });
    expectClose(probabilitiesOf(result?.top ?? []), await byHand(crops));
  });

  it('144: the same, but for rounding to bytes where whole squares are made smaller', async () => {
    const [result] = await classify({ weights, images: [picture], crops: '144', scales: [side], ...own });
    for (const [i, value] of (await byHand('144')).entries()) {
      expect(probabilitiesOf(result?.top ?? [])[i]).toBeCloseTo(value, 2);
    }
  });

  it('averages over scales', async () => {
    const at = async (scales: number[]) => {
      const [result] = await classify({ weights, images: [picture], crops: '10', scales, ...own });
      return probabilitiesOf(result?.top ?? []);
    };
    const [small, large, both] = [await at([32]), await at([36]), await at([32, 36])];
    expectClose(
      both,
      small.map((p, c) => (p + (large[c] as number)) / 2),
    );
  });

  it.each(['10', '144', 'dense'] as const)(
    '%s does not depend on the batch, and states itself',
    async (crops) => {
      const call = { weights, data: join(folder, 'some'), crops, scales: [32, 36], ...own };
      const one = await evaluate({ ...call, batch: 1 });
      const many = await evaluate({ ...call, batch: 33 });
      expect(many.loss).toBeCloseTo(one.loss, 6);
      expect(many.confusion).toEqual(one.confusion);
      expect(many.protocol.cropping).toBe(crops);
      expect(many.protocol.crops).toMatch(/short side 32, 36/);
      expect(many.protocol.members[0]).toMatchObject({
        scales: [32, 36],
        views: { 10: 20, 144: 72, dense: 4 }[crops],
        preprocessing: { height: 28, width: 28, channels: 1 },
      });
    },
  );

  it('resizes the pictures of a data set too, and refuses ten crops of whole ones', async () => {
    const call = { weights, data: shapes, crops: '10', ...own } as const;
    await expect(evaluate(call)).rejects.toThrow(/no room for 10 crops/);
    const result = await evaluate({ ...call, preprocessing: { resize: 32 } });
    expect(result).toMatchObject({ n: 11, protocol: { crops: expect.stringMatching(/short side 32/) } });
  });
});

describe('an ensemble', () => {
  it('averages the softmax of its networks', async () => {
    const images = [join(folder, 'pictures', '2', '02.png')];
    const of = async (file: string, ensemble?: { weights: string }[]) => {
      const [result] = await classify({ weights: file, images, ensemble, ...own });
      return probabilitiesOf(result?.top ?? []);
    };
    const [a, b] = [await of(weights), await of(other)];
    expectClose(
      await of(weights, [{ weights: other }]),
      a.map((p, c) => (p + (b[c] as number)) / 2),
    );
    const result = await evaluate({ weights, ensemble: [{ weights: other }], ...own, data: shapes });
    expect(result.network).toBe('lenet + lenet');
    expect(result.protocol.crops).toMatch(/2 models, softmax averaged/);
    expect(result.protocol.members.map((member) => member.weights)).toEqual([weights, other]);
  });

  it('is of one set of classes', async () => {
    const three = writeSyntheticIdx(join(folder, 'three'), { classes: 3, train: 16, test: 3 });
    const trained = await train({
      network: 'lenet',
      form: 'article',
      data: three,
      ...own,
      out: join(folder, 'run3'),
      recipe: 'lenet',
      overrides: { epochs: 1, batch: 8 },
      validation: 0,
      workers: 0,
    });
    const ensemble = [{ weights: trained.weights.last as string }];
    await expect(evaluate({ weights, ensemble, ...own, data: shapes })).rejects.toThrow(
      /has 3 classes, expected 4 like the others/,
    );
  });
});
