// The trained GoogLeNet in bf16 on a thousand pictures of ImageNet (skipped where they are not at hand, or where the
// library has no bf16): its first answer is that of f32 on 98 of 100 pictures, in the fastest ways too.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { evaluate } from '../src/evaluate/evaluate.ts';
import { absent, samples, weights } from './googlenet-samples.ts';

const hasBf16 = tryCreateOneDnnEngine().engine?.describe().dtypes.includes('bf16') ?? false;

describe.skipIf(absent || !hasBf16)('GoogLeNet in bf16 (where ../shared/data and AVX-512 are)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laurel-bf16-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('gives the first answer of f32', { timeout: 15 * 60_000 }, async () => {
    const answersIn = async (dtype: 'f32' | 'bf16', autotune: 'off' | 'on' = 'off') => {
      const perPicture = join(folder, `${dtype}-${autotune}.json`);
      const { top1Error, top5Error } = await evaluate({
        ...{ network: 'googlenet', weights, data: samples, dtype, autotune, perPicture },
      });
      const rows = JSON.parse(readFileSync(perPicture, 'utf8')) as { top: { class: string }[] }[];
      return { top1Error, top5Error, first: rows.map(({ top }) => top[0]?.class) };
    };
    const full = await answersIn('f32');
    expect(full.first).toHaveLength(1000);
    for (const autotune of ['off', 'on'] as const) {
      const half = await answersIn('bf16', autotune);
      const same = half.first.filter((each, picture) => each === full.first[picture]).length;
      const [f32, bf16] = [full, half].map(({ top1Error, top5Error }) => [top1Error, top5Error]);
      console.log({ autotune, same, f32, bf16 });
      expect(same).toBeGreaterThanOrEqual(980);
      expect(same, 'another type of number').toBeLessThan(1000);
    }
  });
});
