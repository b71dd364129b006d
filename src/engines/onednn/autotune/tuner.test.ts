import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gradients } from '../../../graph/autodiff.ts';
import { createGraph, input, markOutput, state, update, type Value } from '../../../graph/graph.ts';
import { add, convolution, relu } from '../../../graph/ops/index.ts';
import type { CompileOptions, Engine, Program } from '../../engine.ts';
import { tryCreateOneDnnEngine } from '../index.ts';
import { generatedName } from './generated.ts';
import { type Answer, rememberedPath } from './remembered.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const engine = found as Engine;

/** A 1x1 and a 3x3 convolution, large enough to be measured, of which the second comes twice. */
function compile(options: CompileOptions): Program {
  const graph = createGraph();
  const x = input(graph, 'x', [1, 32, 32, 32]);
  const w = state(graph, 'w', [32, 32, 1, 1], 'parameter', { kind: 'constant', value: 0.5 });
  const v = state(graph, 'v', [32, 32, 3, 3], 'parameter', { kind: 'constant', value: 0.25 });
  const hidden = convolution(convolution(x, w, undefined, {}), v, undefined, { padding: 1 });
  markOutput('y', convolution(hidden, v, undefined, { padding: 1 }));
  return engine.compile(graph, options);
}
/** A training step of two 3x3 convolutions, the second with a stride. */
function step(options: CompileOptions, stride = 1): Program {
  const graph = createGraph();
  const x = input(graph, 'x', [4, 16, 64, 64]);
  const w = state(graph, 'w', [16, 16, 3, 3], 'parameter', { kind: 'constant', value: 0.5 });
  const v = state(graph, 'v', [16, 16, 3, 3], 'parameter', { kind: 'constant', value: 0.25 });
  const hidden = relu(convolution(x, w, undefined, { padding: 1 }));
  const [slope] = gradients(relu(convolution(hidden, v, undefined, { padding: 1, stride })), [w]);
  update(w, add(w, slope as Value));
  return engine.compile(graph, options);
}

/** The ways that the convolutions of a training step take. */
function namesUsed(options: CompileOptions): Set<string> {
  return new Set(Object.values(step(options).report().autotune?.choices ?? {}));
}

const feeds = { x: Float32Array.from({ length: 32 ** 3 }, (_, i) => (i % 7) - 3) };
/** Changes what is remembered: `edit` gives another answer to a question, or the same. */
function reanswer(edit: (question: string, answer: Answer) => Answer): void {
  const path = rememberedPath();
  const file = JSON.parse(readFileSync(path, 'utf8'));
  for (const answers of Object.values(file.machines) as Record<string, Answer>[])
    for (const [question, answer] of Object.entries(answers)) answers[question] = edit(question, answer);
  writeFileSync(path, JSON.stringify(file));
}
const choicesOf = (program: Program) => program.report().autotune;

describe.skipIf(found === undefined)(`choices${found ? '' : ` (skipped: ${reason})`}`, () => {
  it('are kept by who is killed while measuring', async () => {
    const file = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    const code = `
      import { chooseEngine } from ${file('../../choose.ts')};
      import { findNetwork } from ${file('../../../nets/index.ts')};
      import { buildNetwork } from ${file('../../../nets/network.ts')};
      import { markOutput } from ${file('../../../graph/graph.ts')};
      const { graph, logits } = buildNetwork(findNetwork('googlenet_bn'), { form: 'imagenet', batch: 4 });
      markOutput('logits', logits);
      chooseEngine('onednn').engine.compile(graph, { autotune: 'full' });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    const ended = once(child, 'exit');
    const path = rememberedPath();
    for (let waits = 0; waits < 600 && !existsSync(path); waits++) await wait(50);
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
    const { machines } = JSON.parse(readFileSync(path, 'utf8'));
    expect(Object.keys(Object.values(machines)[0] as object).length).toBeGreaterThan(0);
  }, 60_000);

  const before = process.env.XDG_CACHE_HOME;
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'laurel-tuner-'));
    process.env.XDG_CACHE_HOME = folder;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(folder, { recursive: true, force: true });
  });

  it('are the first ones of the library, and none is looked for, without a word', () => {
    const program = compile({});
    expect(choicesOf(program)).toBeUndefined();
    expect(existsSync(rememberedPath())).toBe(false);
  });

  it('are measured once for each size, written down, and remembered', () => {
    const first = choicesOf(compile({ autotune: 'on' }));
    expect(first).toMatchObject({ mode: 'on', measured: 2, remembered: 0 });
    const second = choicesOf(compile({ autotune: 'on' }));
    expect(second).toMatchObject({ mode: 'on', measured: 0, remembered: 2, ms: 0 });
    expect(second?.choices).toEqual(first?.choices);
    expect(choicesOf(compile({ autotune: 'full' }))).toMatchObject({ measured: 2, remembered: 0 });
    for (const times of Object.values(first?.times ?? {})) expect(times.primitive).toBeGreaterThan(0);
  });

  it('that are remembered are followed, with the same bits from run to run', () => {
    compile({ autotune: 'on' });
    reanswer((question, answer) =>
      question.includes('32x32x1x1') ? { ...answer, choice: 'matrix product' } : answer,
    );
    const programs = [compile({ autotune: 'on' }), compile({ autotune: 'on' })];
    for (const program of programs)
      expect(Object.values(choicesOf(program)?.choices ?? {})).toContain('matrix product');
    const [a, b] = programs.map((program) => program.run(feeds).y);
    expect(a).toEqual(b);
    const plain = compile({}).run(feeds).y as Float32Array;
    expect(
      plain.map((y, i) => Math.abs(y - (a?.[i] as number))).reduce((x, y) => Math.max(x, y)),
    ).toBeLessThan(1e-2);
  });

  it('of which this version knows more ways than were measured are measured again', () => {
    compile({ autotune: 'on' });
    const path = rememberedPath();
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"matrix product",', ''));
    expect(choicesOf(compile({ autotune: 'on' }))).toMatchObject({ measured: 2, remembered: 0 });
  });

  it('of another process are followed and nothing is measured; unknown sizes take the first choice', () => {
    const [question = ''] = Object.keys(choicesOf(compile({ autotune: 'on' }))?.choices ?? {});
    const followed = choicesOf(compile({ autotune: 'on', choices: { [question]: 'matrix product' } }));
    expect(followed).toMatchObject({ measured: 0, remembered: 0 });
    expect(Object.values(followed?.choices ?? {}).sort()).toEqual(['matrix product', 'primitive']);
  });

  // Each phase is made by itself before it is written among the others.
  const phases = 'phases';
  const boundOf = (options: CompileOptions) => step(options, 2).report().lowerBoundBytes;
  const isDear = found !== undefined && boundOf({ implementation: phases }) > boundOf({});
  const whyNot = isDear ? '' : ' (skipped: phases take no memory here)';
  it.skipIf(!isDear)(`that take too much memory in training give way to the first ones${whyNot}`, () => {
    const reported = (options: CompileOptions) => step(options, 2).report();
    const bound = boundOf({});
    const measured = reported({ autotune: 'on' });
    expect(measured.lowerBoundBytes).toBeLessThanOrEqual(bound);
    reanswer((question, answer) =>
      question.startsWith('convolutionBackwardData') ? { ...answer, choice: phases } : answer,
    );
    const restrained = reported({ autotune: 'on' });
    expect(restrained.autotune).toMatchObject({ measured: 0 });
    expect(restrained.steps.filter(({ op }) => op === 'convolutionBackwardData')).toHaveLength(1);
    expect(restrained.lowerBoundBytes).toBeLessThanOrEqual(bound);
  });

  const [dear, frugal] = ['winograd of 4x4', generatedName];
  const apply =
    found !== undefined && [dear, frugal].every((name) => namesUsed({ implementation: name }).has(name));
  it.skipIf(!apply)(
    `that take too much memory come down to the fastest that takes none${apply ? '' : ' (skipped: no two such ways here)'}`,
    () => {
      const reported = (options: CompileOptions) => step(options).report();
      const bound = reported({}).lowerBoundBytes;
      expect(reported({ implementation: dear }).lowerBoundBytes).toBeGreaterThan(bound);
      reported({ autotune: 'on' });
      const ms = { primitive: 10, [dear]: 1, [frugal]: 5 };
      reanswer((_, answer) => ({ ...answer, choice: dear, ms }));
      const restrained = reported({ autotune: 'on' });
      expect(restrained.lowerBoundBytes).toBeLessThanOrEqual(bound);
      const isGenerated = ({ implementation }: { implementation: string }) =>
        implementation.startsWith('generated');
      expect(restrained.steps.filter(isGenerated).length).toBeGreaterThan(0);
    },
  );

  it('that do not apply are not claimed', () => {
    const program = compile({ implementation: 'phases' });
    expect(new Set(Object.values(choicesOf(program)?.choices ?? {}))).toEqual(new Set(['primitive']));
  });

  it('go on without a damaged file, which is told of once', () => {
    compile({ autotune: 'on' });
    writeFileSync(rememberedPath(), '{');
    const notes: string[] = [];
    const program = compile({ autotune: 'on', onNote: (message) => notes.push(message) });
    expect(choicesOf(program)).toMatchObject({ measured: 2 });
    expect(notes).toHaveLength(1);
    expect(compile({ autotune: 'on' }).report().autotune).toMatchObject({ remembered: 2 });
  });
});
