import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureCases } from './kept.ts';

let keep = '';
beforeEach(() => {
  keep = mkdtempSync(join(tmpdir(), 'laurel-kept-'));
});
afterEach(() => rmSync(keep, { recursive: true }));

/** Measures the cases a, b and c, each of which gives its name and how many were measured before it. */
function run(more: { only?: string[]; resume?: boolean; rounds?: number; failing?: string } = {}) {
  const measured: string[] = [];
  const { only, resume = false, rounds = 3, failing } = more;
  const options = { rounds, steps: 1, resume, keep, log: () => {}, ...(only && { only }) };
  const cases = measureCases<string>('part', ['a', 'b', 'c'], options, async (name) => {
    if (name === failing) throw new Error(`${name} broke`);
    measured.push(name);
    return `${name} of ${rounds} rounds`;
  });
  return cases.then(({ results, leftOut }) => ({ measured, results: [...results], leftOut }));
}

describe('measureCases', () => {
  it('measures all, in their order, every time', async () => {
    for (let i = 0; i < 2; i++) {
      const { measured, results } = await run();
      expect(measured).toEqual(['a', 'b', 'c']);
      expect(results.map(([name]) => name)).toEqual(['a', 'b', 'c']);
    }
  });

  it('measures only what is asked for, and gives the others as they were', async () => {
    await run();
    const { measured, results } = await run({ only: ['b'], rounds: 9 });
    expect(measured).toEqual(['b']);
    expect(results).toEqual([
      ['a', 'a of 3 rounds'],
      ['b', 'b of 9 rounds'],
      ['c', 'c of 3 rounds'],
    ]);
  });

  it('says which cases have no result yet', async () => {
    const { results, leftOut } = await run({ only: ['b'] });
    expect(results.map(([name]) => name)).toEqual(['b']);
    expect(leftOut).toEqual(['not measured yet: a, c']);
  });

  it('goes on after the last case that an earlier run finished', async () => {
    const broken = await run({ failing: 'b' });
    expect(broken.leftOut).toEqual(['b: b broke']);
    const { measured, results } = await run({ resume: true });
    expect(measured).toEqual(['b']);
    expect(results).toHaveLength(3);
  });

  it('does not go on with what was measured otherwise, long ago or elsewhere', async () => {
    await run({ rounds: 1 });
    expect((await run({ resume: true, rounds: 3 })).measured).toEqual(['a', 'b', 'c']);
    const file = join(keep, 'part.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/"at": "20\d\d/g, '"at": "2001'));
    expect((await run({ resume: true })).measured).toEqual(['a', 'b', 'c']);
    writeFileSync(file, text.replace(/"machine": "/, '"machine": "another '));
    expect((await run({ only: ['a'] })).leftOut).toEqual(['not measured yet: b, c']);
  });

  it('refuses a case that there is not', async () => {
    await expect(run({ only: ['d'] })).rejects.toThrow(
      "The part 'part' has no case 'd'. Did you mean a, b or c?",
    );
  });
});
