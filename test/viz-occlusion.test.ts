import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../src/weights/npy.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { wave, writeStartingWeights } from './network-files.ts';
import { writeBandPng } from './pictures.ts';

const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
writeStartingWeights(file('w.safetensors'), 'lenet');
writeNpy(file('x.npy'), [1, 1, 32, 32], wave(32 * 32));
writeNpy(file('two.npy'), [2, 1, 32, 32], wave(2 * 32 * 32));
await writeBandPng(file('a.png'), 1);
await writeBandPng(file('b.png'), 7);
writeFileSync(file('no.png'), 'no picture');

const base = (verb: string): string[] => ['viz', verb, 'lenet', '--weights', file('w.safetensors')];

async function expectFigure(path: string): Promise<void> {
  const { width, height } = await sharp(path).metadata();
  expect(Math.min(width, height)).toBeGreaterThan(400);
}

describe('laurel viz occlusion', () => {
  const run = (...more: string[]) => laurel([...base('occlusion'), '--out', file('out'), '--json', ...more]);

  it('writes one value for each place of the square, and figures', async () => {
    const { code, stdout } = await run('--input', file('x.npy'), '--size', '6', '--stride', '4');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ net: 'lenet', rows: 7, columns: 7, size: 6, stride: 4, fill: 'gray' });
    const maps = ['probability', 'activity', 'class'].map((name) => readNpy(file(`out/${name}.npy`)));
    for (const { shape } of maps) expect(shape).toEqual([7, 7]);
    expect(new Set(maps[0]?.data).size).toBeGreaterThan(10);
    expect(Math.min(...(maps[0]?.data ?? []))).toBeCloseTo(result.lowest.probability, 6);
    expect(JSON.parse(readFileSync(file('out/occlusion.json'), 'utf8'))).toEqual(result);
    for (const name of ['occlusion', 'overlay']) await expectFigure(file(`out/${name}.png`));
  });

  it('is flat for a square of size 0, and the figure still a figure', async () => {
    const { code, stdout } = await run(
      '--input',
      file('x.npy'),
      '--size',
      '0',
      '--stride',
      '4',
      '--class',
      '3',
    );
    expect(code).toBe(0);
    const { data, shape } = readNpy(file('out/probability.npy'));
    expect(shape).toEqual([9, 9]);
    expect(new Set(data)).toEqual(new Set([Math.fround(JSON.parse(stdout).wholeProbability)]));
    await expectFigure(file('out/occlusion.png'));
  });

  it.each([
    [['--input', 'x.npy', '--size', '33'], 2, /A square of 33 px does not fit into the picture.*at most 32/],
    [['--input', 'x.npy', '--stride', '0'], 2, /'--stride <px>'.*at least 1/],
    [['--input', 'x.npy', '--fill', 'grey'], 2, /Expected gray, mean, black, blur.*Did you mean gray/],
    [['--input', 'x.npy', '--layer', 'conv3'], 2, /has no layer 'conv3'\. Did you mean conv/],
    [
      ['--input', 'x.npy', '--layer', 'conv2', '--unit', '16'],
      2,
      /conv2 has no unit 16; its 16 units are 0 to 15/,
    ],
    [['--input', 'x.npy', '--class', '10'], 2, /There is no class 10/],
    [['--input', 'two.npy'], 2, /takes one picture, got 2/],
    [['--image', 'a.png', '--image', 'b.png'], 2, /takes one picture, got 2/],
    [['--input', 'x.npy', '--other', 'a.png'], 2, /--other goes with --image/],
    [['--image', 'no.png'], 1, /no\.png is not a picture/],
    [[], 2, /Give either --image or --input/],
  ] as const)('refuses %j in one sentence', async (args, exitCode, sentence) => {
    const { code, stdout, stderr } = await run(
      ...args.map((arg) => (/\.(npy|png)$/.test(arg) ? file(arg) : arg)),
    );
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at |defect/);
    expect(stdout).toBe('');
    expect(code).toBe(exitCode);
  });
});

describe('laurel viz invariance', () => {
  const run = (...more: string[]) =>
    laurel([...base('invariance'), '--out', file('moved'), '--json', ...more]);

  it('writes distances and probabilities of each picture and amount', async () => {
    const { code, stdout } = await run('--input', file('two.npy'), '--scale', '1,1.5', '--rotation=-30,0,30');
    expect(code).toBe(0);
    const { layers, transformations } = JSON.parse(stdout);
    expect(layers).toEqual(['conv1 (tanh)', 'fc2 (tanh)']);
    expect(transformations.map(({ kind }: { kind: string }) => kind)).toEqual([
      'translation',
      'scale',
      'rotation',
    ]);
    const { shape, data } = readNpy(file('moved/rotation-distance.npy'));
    expect(shape).toEqual([2, 2, 3]);
    expect([...data].map((value) => value === 0)).toEqual(Array(4).fill([false, true, false]).flat());
    expect(readNpy(file('moved/scale-probability.npy')).shape).toEqual([2, 2]);
    for (const name of ['invariance', 'invariance-raw']) await expectFigure(file(`moved/${name}.png`));
  });

  it.each([
    [['--layers', 'conv9'], /has no layer 'conv9'/],
    [['--class', '1'], /1 classes were given for 2 pictures/],
    [['--scale', '0,1'], /scale got the amount 0, expected factors above 0/],
    [['--rotation', 'left'], /Expected numbers with commas/],
  ])('refuses %j in one sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run('--input', file('two.npy'), ...args);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at |defect/);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

describe('laurel viz correspondence', () => {
  const part = { left: 4, top: 6, width: 8, height: 5 };
  const boxes = (second: object): string => {
    const pictures = ['a.png', 'b.png'].map((image, i) => ({
      image,
      parts: { band: i === 0 ? part : second },
    }));
    writeFileSync(file('boxes.json'), JSON.stringify({ pictures }));
    return file('boxes.json');
  };
  const run = (path: string, ...more: string[]) =>
    laurel([...base('correspondence'), '--boxes', path, '--out', file('parts'), '--json', ...more]);

  it('gives the sign change of each part and of random boxes', async () => {
    const { code, stdout } = await run(boxes({ ...part, top: 12 }), '--draws', '3');
    expect(code).toBe(0);
    const { layers } = JSON.parse(stdout);
    expect(layers.map(({ layer }: { layer: string }) => layer)).toEqual(['pool2', 'fc2 (tanh)']);
    for (const { parts, random } of layers) {
      expect(parts[0].mean).toBeGreaterThan(0);
      expect(parts[0].delta).toBeCloseTo(2 * parts[0].mean, 10);
      expect(random.mean).toBeLessThanOrEqual(1);
    }
    expect(readNpy(file('parts/correspondence.npy')).shape).toEqual([2, 1, 1]);
    expect(readNpy(file('parts/correspondence-random.npy')).shape).toEqual([2, 3, 1, 1]);
    await expectFigure(file('parts/correspondence.png'));
  });

  it('refuses boxes outside the picture, with the picture and the part', async () => {
    const { code, stderr } = await run(boxes({ ...part, left: 25 }));
    expect(stderr).toMatch(
      /error: The box of 'band' in .*b\.png lies outside the picture: rows 6 to 11, columns 25 to 33, the picture has 28x28 px\./,
    );
    expect(code).toBe(2);
  });

  it('refuses a file that is not there', async () => {
    const { code, stderr } = await run(file('none.json'));
    expect(stderr).toMatch(/error: Cannot read boxes from .*none\.json: no such file/);
    expect(code).toBe(2);
    expect(existsSync(file('none.json'))).toBe(false);
  });
});
