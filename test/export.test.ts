// `laurel export` from end to end: the file says in onnxruntime what `laurel classify` says of the picture.
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeModelInfo, type ModelInfo } from '../src/evaluate/preprocessing.ts';
import { runOnnx } from '../src/weights/onnx/testing.ts';
import { laurel, temporaryFolder } from './cli.ts';
import { writeStartingWeights } from './network-files.ts';
import { writeBandPng } from './pictures.ts';

const garments: ModelInfo = {
  network: 'lenet',
  form: 'imagenet',
  classes: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
  dataset: 'bands',
  preprocessing: { channels: 1, height: 28, width: 28, pad: 2, normalise: { mean: [0.3], std: [0.2] } },
};

/** A folder with weights of LeNet that say what they are, and a picture of their size. */
async function prepare(metadata = encodeModelInfo(garments)) {
  const folder = temporaryFolder();
  const weights = join(folder, 'w.safetensors');
  const picture = join(folder, 'band.png');
  writeStartingWeights(weights, 'lenet', { metadata });
  await writeBandPng(picture, 3);
  return { folder, weights, picture, out: join(folder, 'lenet.onnx') };
}

describe('laurel export', () => {
  it('writes a file that takes pixels and answers as `laurel classify` does', async () => {
    const { folder, weights, picture, out } = await prepare();
    const ended = await laurel([
      'export',
      'lenet',
      '--weights',
      weights,
      '--out',
      out,
      '--with-preprocessing',
      '--json',
    ]);
    expect(ended.code, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      net: 'lenet',
      form: 'imagenet',
      opset: 17,
      input: { name: 'images', type: 'uint8', shape: [1, 28, 28, 1] },
      output: { name: 'probabilities', type: 'float', shape: [1, 10] },
      foldedBatchNorms: 0,
    });
    expect(readdirSync(folder).sort()).toEqual(['band.png', 'lenet.onnx', 'w.safetensors']);
    const pixels = new Uint8Array(await sharp(picture).toColourspace('b-w').raw().toBuffer());
    const { probabilities } = await runOnnx(readFileSync(out), { shape: [1, 28, 28, 1], data: pixels });
    const classified = await laurel([
      'classify',
      'lenet',
      picture,
      '--weights',
      weights,
      '--top',
      '10',
      '--dtype',
      'f32',
      '--json',
    ]);
    const [{ top }] = JSON.parse(classified.stdout).images;
    expect(top).toHaveLength(10);
    for (const { index, probability } of top) expect(probabilities?.data[index]).toBeCloseTo(probability, 5);
  });

  it('folds batch norms and lets each run choose the batch', async () => {
    const folder = temporaryFolder();
    const [weights, out] = [join(folder, 'w.safetensors'), join(folder, 'r.onnx')];
    writeStartingWeights(weights, 'resnet20', {});
    const args = [
      'export',
      'resnet20',
      '--weights',
      weights,
      '--out',
      out,
      '--batch',
      'dynamic',
      '--fold-bn',
    ];
    const { code, stdout, stderr } = await laurel(args);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/r\.onnx: 1\.1 MB, ONNX opset 17, 19 batch norms folded/);
    expect(stdout).toMatch(/in {3}images: float, batchx3x32x32\n {2}out {2}logits: float, batchx10/);
    const { logits } = await runOnnx(readFileSync(out), {
      shape: [3, 3, 32, 32],
      data: new Float32Array(9216),
    });
    expect(logits?.shape).toEqual([3, 10]);
  });

  it.each<[string, (paths: { out: string }) => string[], RegExp, number]>([
    ['a batch that is no number', () => ['--batch', 'many'], /whole number of at least 1, or 'dynamic'/, 2],
    [
      'pictures smaller than their border',
      () => ['--height', '4', '--width', '4'],
      /4x4 are too small: 4 pixels/,
      2,
    ],
    [
      'another form than the weights have',
      () => ['--form', 'article'],
      /in its form 'imagenet', not 'article'/,
      2,
    ],
  ])('refuses %s', async (_, args, sentence, code) => {
    const { weights, out } = await prepare();
    const ended = await laurel(['export', 'lenet', '--weights', weights, '--out', out, ...args({ out })]);
    expect(ended.stderr).toMatch(sentence);
    expect(ended.code).toBe(code);
    expect(existsSync(out)).toBe(false);
  });

  it('refuses to prepare pictures for weights that do not say how, unless a data set says it', async () => {
    const { weights, out } = await prepare({});
    const args = ['export', 'lenet', '--weights', weights, '--out', out, '--with-preprocessing'];
    const refused = await laurel(args);
    expect(refused.stderr).toMatch(/^error: .* does not say which classes .* --data\.$/m);
    expect(refused.code).toBe(2);
    const { code, stderr } = await laurel([...args, '--data', 'fashion-mnist']);
    expect(code, stderr).toBe(0);
    expect(readFileSync(out).includes('"Ankle boot"')).toBe(true);
  });

  it('refuses a place that is a folder', async () => {
    const { folder, weights } = await prepare();
    mkdirSync(join(folder, 'place'));
    const ended = await laurel(['export', 'lenet', '--weights', weights, '--out', join(folder, 'place')]);
    expect(ended.stderr).toMatch(/place: it is a folder/);
    expect(ended.code).toBe(1);
  });
});
