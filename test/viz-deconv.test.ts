// `laurel viz deconv`, from the command line to its files.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readNpy, writeNpy } from '../src/weights/npy.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { wave, writeStartingWeights } from './network-files.ts';

interface Prepared {
  readonly file: (name: string) => string;
  /** The command with `--out` in the folder. */
  readonly run: (...more: string[]) => ReturnType<typeof laurel>;
}

function prepare(net: string, form: 'imagenet' | 'cifar', shape: readonly number[]): Prepared {
  const folder = temporaryFolder();
  const file = (name: string): string => join(folder, name);
  writeStartingWeights(file('w.safetensors'), net, { form });
  writeNpy(file('x.npy'), shape, wave(shape.reduce((product, size) => product * size, 1)));
  const fixed = ['viz', 'deconv', net, '--form', form, '--weights', file('w.safetensors')];
  return { file, run: (...more) => laurel([...fixed, '--out', file('out'), ...more]) };
}

describe('laurel viz deconv', () => {
  it('writes the projection and its data, the same on both engines, and says where it comes from', async () => {
    const { file, run } = prepare('resnet18', 'cifar', [1, 3, 32, 32]);
    const wanted = ['--input', file('x.npy'), '--layer', 'conv3_x.0', '--unit', '7', '--json'];
    const results: Float32Array[] = [];
    for (const engine of ['reference', 'auto']) {
      const { code, stdout, stderr } = await run(...wanted, '--engine', engine);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const result = JSON.parse(stdout);
      expect(result).toMatchObject({
        net: 'resnet18',
        layer: 'conv3_x.0',
        map: [16, 16],
        unit: 7,
        rule: 'deconvnet',
        shape: [3, 32, 32],
        dtype: 'f32',
      });
      expect(result.seed).toBe(result.activation);
      const { shape, data } = readNpy(join(file('out'), 'projection.npy'));
      expect(shape).toEqual([3, 32, 32]);
      expect([Math.min(...data), Math.max(...data)]).toEqual([result.min, result.max]);
      expect(result.min).toBeLessThan(0);
      const { top, left, bottom, right } = result.box;
      expect(bottom - top + right - left).toBeLessThan(64);
      data.forEach((value, i) => {
        const [y, x] = [Math.floor(i / 32) % 32, i % 32];
        if (y < top || y >= bottom || x < left || x >= right) expect(value).toBe(0);
      });
      const { width = 0, height = 0 } = await sharp(join(file('out'), 'projection.png')).metadata();
      expect(Math.min(width, height)).toBeGreaterThan(400);
      results.push(data);
    }
    const [reference, other] = results as [Float32Array, Float32Array];
    const largest = Math.max(...reference.map(Math.abs));
    for (const [i, value] of reference.entries()) {
      expect(Math.abs((other[i] as number) - value)).toBeLessThan(1e-4 * largest);
    }
  });

  it('takes a picture, a position and a rule, and checks against random weights', async () => {
    const { file, run } = prepare('resnet18', 'cifar', [1, 3, 32, 32]);
    await sharp(Buffer.from(wave(40 * 50 * 3).map((value) => 128 + 100 * value)), {
      raw: { width: 50, height: 40, channels: 3 },
    })
      .png()
      .toFile(file('x.png'));
    const { code, stdout } = await run(
      ...['--image', file('x.png'), '--data', 'cifar-100', '--layer', 'conv2_x', '--unit', '3'],
      ...['--position', '4,5', '--rule', 'guided', '--sanity', '--json'],
    );
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ position: [4, 5], rule: 'guided', seed: 1, picture: file('x.png') });
    expect(result.sanity.levels.at(-1).correlations).toHaveLength(5);
    expect(Math.abs(result.sanity.correlation)).toBeLessThan(0.9);
  });

  it('draws a map of zeros as a picture with a sentence', async () => {
    const { file, run } = prepare('lenet', 'imagenet', [1, 1, 32, 32]);
    writeStartingWeights(file('w.safetensors'), 'lenet', {}, (tensors) => {
      tensors.get('conv1.weight')?.data.fill(0);
    });
    const wanted = ['--input', file('x.npy'), '--layer', 'conv2', '--unit', '0', '--json'];
    const { code, stdout } = await run(...wanted);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ min: 0, max: 0, clipped: 0 });
    expect(existsSync(join(file('out'), 'projection.png'))).toBe(true);
  });

  it('refuses in one sentence what is not there, and writes nothing', async () => {
    const { file, run } = prepare('resnet18', 'cifar', [1, 3, 32, 32]);
    writeNpy(file('two.npy'), [2, 3, 32, 32], wave(2 * 3 * 32 * 32));
    writeNpy(file('flat.npy'), [3, 32], wave(3 * 32));
    const x = ['--input', file('x.npy')];
    const layer = ['--layer', 'conv2_x'];
    const cases: readonly (readonly [args: string[], sentence: RegExp])[] = [
      [[...x, '--layer', 'conv2x', '--unit', '0'], /has no layer 'conv2x'\. Did you mean conv2_x/],
      [[...x, ...layer, '--unit', '64'], /conv2_x has no unit 64; its 64 units are 0 to 63\./],
      [[...x, ...layer, '--unit', '0', '--position', '3,32'], /no position 3,32; its maps are 32x32/],
      [[...x, ...layer, '--unit', '0', '--position', '3'], /Expected the row and the column/],
      [
        [...x, ...layer, '--unit', '0', '--rule', 'deconv'],
        /Expected deconvnet, gradient, guided\. Did you mean/,
      ],
      [[...layer, '--unit', '0'], /No picture to look at/],
      [[...x, ...layer], /required option '--unit <n>' not specified/],
      [['--input', file('two.npy'), ...layer, '--unit', '0'], /A projection is of one picture, got 2\./],
      [['--input', file('flat.npy'), ...layer, '--unit', '0'], /has shape 3x32, expected NxCxHxW\./],
    ];
    for (const [args, sentence] of cases) {
      const { code, stdout, stderr } = await run(...args);
      expect(stderr).toMatch(sentence);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    }
    expect(existsSync(join(file('out'), 'projection.npy'))).toBe(false);
  });

  it('refuses a picture smaller than the network allows', async () => {
    const { file, run } = prepare('lenet', 'imagenet', [1, 1, 8, 8]);
    const { code, stderr } = await run('--input', file('x.npy'), '--layer', 'conv1', '--unit', '0');
    expect(stderr).toMatch(/^error: lenet \(form imagenet\) does not allow pictures of 1x8x8: .* smaller /);
    expect(code).toBe(2);
  });

  it('names its verbs when it is asked for another', async () => {
    const { code, stderr } = await laurel(['viz', 'deconvv', 'lenet']);
    expect(stderr).toMatch(
      /^error: laurel viz has no verb 'deconvv'; its verbs are deconv.* Did you mean deconv/,
    );
    expect(code).toBe(2);
  });
});
