// The trained GoogLeNet on photographs (skipped where its weights are not at hand).
import { describe, expect, it } from 'vitest';
import { classify } from '../src/evaluate/classify.ts';
import { absent, photo, weights } from './googlenet-samples.ts';

describe.skipIf(absent)('GoogLeNet with the weights of BVLC (where they lie in ../shared/data)', () => {
  it('sees a cat, an espresso and a missile, as sure as an independent implementation', async () => {
    const images = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map(photo);
    const answers = await classify({ network: 'googlenet', weights, images, dtype: 'f32' });
    const [cat, coffee, rocket] = answers.map(({ top }) => top);
    expect(cat?.slice(0, 3).map((answer) => answer.class)).toEqual(['Egyptian cat', 'tiger cat', 'tabby']);
    for (const [i, probability] of [0.5, 0.27, 0.12].entries()) {
      expect(Math.abs((cat?.[i]?.probability ?? 0) - probability)).toBeLessThan(0.02);
    }
    expect(coffee?.[0]).toMatchObject({ class: 'espresso', index: 967 });
    expect(Math.abs((coffee?.[0]?.probability ?? 0) - 0.9)).toBeLessThan(0.02);
    expect(rocket?.[0]?.class).toBe('missile');
    expect(Math.abs((rocket?.[0]?.probability ?? 0) - 0.36)).toBeLessThan(0.04);
  });

  it('is found by the names of its tensors, and changes its mind when the colours are swapped', async () => {
    const images = [photo('coffee.png')];
    const [right] = await classify({ weights, images, dtype: 'f32' });
    const [swapped] = await classify({ weights, images, dtype: 'f32', preprocessing: { order: 'BGR' } });
    expect(right?.top[0]?.class).toBe('espresso');
    expect(swapped?.top[0]?.probability).not.toBeCloseTo(right?.top[0]?.probability ?? 0, 2);
  });
});
