import { describe, expect, it } from 'vitest';
import { alone, type Ranks } from '../distribute/ranks.ts';
import type { AutotuneReport, CompileOptions, Engine } from '../engines/engine.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { lenet } from '../nets/families/lenet.ts';
import { compilePrograms, type ProgramsOptions } from './programs.ts';

const optimizer = { momentum: 0.9, nesterov: true, weightDecay: 1e-3, decayBiasAndNorm: true };
const choices = { 'convolution f32 1x1': 'matrix product' };

/** The reference engine, which notes how it is asked to choose and says that it has chosen. */
function choosing(asked: CompileOptions[]): Engine {
  const reference = createReferenceEngine();
  return {
    ...reference,
    compile(graph, options = {}) {
      asked.push(options);
      const program = reference.compile(graph, options);
      const autotune: AutotuneReport = {
        mode: options.autotune ?? 'off',
        measured: 1,
        remembered: 0,
        ms: 1,
        choices: options.choices ?? choices,
        times: {},
      };
      return { ...program, report: () => ({ ...program.report(), autotune }) };
    },
  };
}

function compile(part: Partial<ProgramsOptions>): CompileOptions[] {
  const asked: CompileOptions[] = [];
  const programs = compilePrograms({
    engine: choosing(asked),
    dtype: 'f32',
    seed: 1,
    description: lenet,
    build: { form: 'article', batch: 4 },
    step: { optimizer },
    ...part,
  });
  const labels = Int32Array.of(1, 2);
  if (part.ranks === undefined) programs.step(new Float32Array(2 * 784), labels, 0.1, 0);
  programs.test();
  programs.dispose();
  return asked;
}

describe('choices among ways to compute an op, in training', () => {
  it('are made for the step of a whole batch alone', () => {
    const asked = compile({ autotune: 'on' });
    expect(asked.map(({ autotune }) => autotune)).toEqual(['on', undefined, undefined]);
  });

  it('are those of rank 0 on all ranks, and only rank 0 measures', () => {
    const told: unknown[] = [];
    const pair = (rank: number): Ranks => ({
      ...alone,
      rank,
      size: 2,
      leads: rank === 0,
      told: (make) => {
        if (rank === 0) told.push(make());
        return told[0] as ReturnType<typeof make>;
      },
    });
    const [leader] = compile({ autotune: 'on', ranks: pair(0) });
    const [other] = compile({ autotune: 'on', ranks: pair(1) });
    expect(leader).toMatchObject({ autotune: 'on' });
    expect(leader?.choices).toBeUndefined();
    expect(other).toMatchObject({ choices });
  });

  it('need no word between ranks where there is nothing to choose', () => {
    const silent = { ...alone, size: 2, told: () => expect.fail('asked') } as unknown as Ranks;
    expect(compile({ ranks: silent })[0]?.autotune).toBe('off');
  });
});
