// `laurel convert` and `laurel inspect`, as a user runs them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { laurel, temporaryFolder } from '../../test/cli.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork } from '../nets/network.ts';
import { writePytorch } from '../weights/pytorch-write.ts';
import { readWeights, weightsFormat } from '../weights/read.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import type { Tensor } from '../weights/tensor-file.ts';

const folder = temporaryFolder();
const fixtures = join(import.meta.dirname, '../../test/fixtures/checkpoints');

function lenet(): Map<string, Tensor> {
  const { states } = buildNetwork(findNetwork('lenet')).graph;
  return new Map(
    [...states].map(([name, { shape }]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i / 1000);
      return [name, { shape, data }];
    }),
  );
}

describe('laurel convert', () => {
  it('turns a checkpoint into safetensors and back, to the bit', async () => {
    const original = join(fixtures, 'types.legacy.pth');
    const middle = join(folder, 'types.safetensors');
    const back = join(folder, 'types.pt');
    const { code, stdout } = await laurel(['convert', original, middle, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'safetensors',
      tensors: 12,
      elements: 33,
      network: null,
    });
    expect((await laurel(['convert', middle, back])).code).toBe(0);
    expect(weightsFormat(back)).toBe('pytorch-zip');
    expect([...readWeights(back).tensors]).toEqual([...readWeights(original).tensors]);
  });

  it('checks names and shapes against a network, and puts them in its order', async () => {
    const tensors = lenet();
    const input = join(folder, 'lenet.pth');
    const output = join(folder, 'lenet.safetensors');
    writePytorch(input, new Map([...tensors].reverse().map(([name, tensor]) => [`module.${name}`, tensor])));
    const { code, stderr } = await laurel(['convert', input, output, '--net', 'lenet']);
    expect(code).toBe(0);
    expect(stderr).toContain('does not say its classes or how pictures are prepared');
    expect([...readSafetensors(output).tensors]).toEqual([...tensors]);

    const refused = await laurel(['convert', input, join(folder, 'no.safetensors'), '--net', 'resnet18']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('does not fit the network');
    expect(existsSync(join(folder, 'no.safetensors'))).toBe(false);
  });

  const bvlc = join(import.meta.dirname, '../../../shared/data/googlenet-bvlc.safetensors');
  it.skipIf(!existsSync(bvlc))(
    "gives Caffe's GoogLeNet our names (skipped without the weights)",
    async () => {
      const output = join(folder, 'googlenet.safetensors');
      const { code, stderr } = await laurel(['convert', bvlc, output, '--net', 'googlenet']);
      expect(code).toBe(0);
      expect(stderr).toContain("The names of Caffe's bvlc_googlenet, RGB were translated");
      const { tensors, metadata } = readSafetensors(output);
      expect(tensors.get('inception3a.branch2.1.weight')?.shape).toEqual([128, 96, 3, 3]);
      expect(metadata).toMatchObject({
        network: 'googlenet',
        range: '255',
        mean: '[123,117,104]',
        resize: '256',
      });
    },
  );

  it.each<[string, string[], number, string]>([
    ['an unknown format', ['types.zip.pth', 'x.onnx'], 2, 'End its name in .safetensors, .pt, .pth'],
    ['a whole model', ['whole-model.zip.pth', 'x.safetensors'], 1, '"__main__.Small"'],
    ['no file', ['absent.pth', 'x.safetensors'], 1, 'no such file'],
  ])('refuses %s', async (_, [input = '', output = ''], exit, sentence) => {
    const { code, stderr } = await laurel(['convert', join(fixtures, input), join(folder, output)]);
    expect(stderr).toContain(sentence);
    expect(code).toBe(exit);
  });
});

describe('laurel inspect', () => {
  it('lists tensors for people', async () => {
    const { code, stdout } = await laurel(['inspect', join(fixtures, 'nested.zip.pth')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^conv1\.weight +2x1x3x3 +f32 /m);
    expect(stdout).toMatch(/^bn1\.num_batches_tracked +scalar +i64 /m);
    expect(stdout).toContain('PyTorch checkpoint (zip)');
    expect(stdout).toContain('epoch: 90');
  });

  it('prints one object with --json', async () => {
    const path = join(folder, 'inspect.safetensors');
    writeSafetensors(path, new Map([['w', { shape: [2], data: Float32Array.of(1, Number.NaN) }]]), {
      a: 'b',
    });
    const { stdout } = await laurel(['inspect', path, '--json']);
    const w = { name: 'w', shape: [2], dtype: 'f32', elements: 2, min: 1, max: 1, mean: 1, nonFinite: 1 };
    const bytes = readFileSync(path).length;
    expect(JSON.parse(stdout)).toEqual({
      file: path,
      format: 'safetensors',
      bytes,
      metadata: { a: 'b' },
      elements: 2,
      tensors: [w],
    });
  });
});
