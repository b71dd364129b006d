import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { matchWeights } from './match.ts';
import type { TensorFile } from './tensor-file.ts';

const wanted = [
  { name: 'conv1.weight', shape: [2, 1, 1, 1] },
  { name: 'fc.weight', shape: [3, 2] },
];

function weights(shapes: Record<string, number[]>): TensorFile {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(name.length);
    return [name, { shape, data }] as const;
  });
  return { tensors: new Map(tensors), metadata: {} };
}

function message(file: TensorFile): string {
  try {
    matchWeights(file, wanted, 'w.safetensors');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('the weights were accepted');
}

describe('matchWeights', () => {
  it('gives the data in the order wanted and leaves out counters', () => {
    const file = weights({
      'fc.weight': [3, 2],
      'bn1.num_batches_tracked': [],
      'conv1.weight': [2, 1, 1, 1],
    });
    const found = matchWeights(file, wanted, 'w.safetensors');
    expect([...found.keys()]).toEqual(['conv1.weight', 'fc.weight']);
    expect(found.get('fc.weight')).toBe(file.tensors.get('fc.weight')?.data);
  });

  it('names what is missing, unknown (with the nearest) and misshapen, in one message', () => {
    expect(message(weights({ 'module.conv1.weight': [2, 1, 1, 1], 'fc.weight': [10, 2] }))).toBe(
      'w.safetensors does not fit the network: of its 2 tensors 1 is missing (conv1.weight); ' +
        '1 is unknown (module.conv1.weight (nearest: conv1.weight)); ' +
        '1 has the wrong shape (fc.weight is 10x2, expected 3x2). ' +
        'Check the network, its form and its number of classes.',
    );
  });

  it('tells shapes of equal size apart', () => {
    expect(message(weights({ 'conv1.weight': [2, 1, 1, 1], 'fc.weight': [2, 3] }))).toContain(
      'fc.weight is 2x3, expected 3x2',
    );
  });

  it('counts all and lists the first few', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`layer${i}.bias`, [1]]));
    const text = message(weights({ ...many, 'conv1.weight': [2, 1, 1, 1], 'fc.weight': [3, 2] }));
    expect(text).toContain('50 are unknown (layer0.bias');
    expect(text).toContain(', ...)');
    expect(text).not.toContain('layer3.bias');
  });
});
