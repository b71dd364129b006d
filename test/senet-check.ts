// What test/senet.test.ts and test/senet.slow.test.ts share: the networks that tools/torch/residual_fixtures.py
// defined in PyTorch, ours with the same numbered weights, and how far their logits are apart.
import { expect, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { markOutput } from '../src/graph/graph.ts';
import { streamOf, uniforms } from '../src/graph/random.ts';
import { elementCount, type Shape } from '../src/graph/tensor.ts';
import { findNetwork } from '../src/nets/index.ts';
import { type BuildOptions, buildNetwork, type Form, type OptionValues } from '../src/nets/network.ts';
import fixture from './fixtures/senet-logits.json' with { type: 'json' };

/** Of the largest logit. */
export const tolerance = 1e-4;

export type Case = (typeof fixture.cases)[number];

export const cases: readonly Case[] = fixture.cases;

const { engine: oneDnn, reason } = tryCreateOneDnnEngine();

function numbers(name: string, shape: Shape, low: number, high: number): Float32Array {
  const values = new Float32Array(elementCount(shape));
  const drawn = uniforms(fixture.seed, streamOf(name), values.length);
  for (let i = 0; i < values.length; i++) values[i] = low + (high - low) * (drawn[i] as number);
  return values;
}

/** As `fill` of the fixture script has it. */
function weightOf(name: string, shape: Shape): Float32Array {
  const bound = Math.sqrt(3 / elementCount(shape.slice(1)));
  if (shape.length > 1) return numbers(name, shape, -bound, bound);
  return /(weight|running_var)$/.test(name)
    ? numbers(name, shape, 0.75, 1.25)
    : numbers(name, shape, -0.1, 0.1);
}

export function buildOptions({ form, options, size }: Case, batch: number): BuildOptions {
  const plain = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { classes } = fixture;
  return { form: form as Form, options: plain as OptionValues, classes, height: size, width: size, batch };
}

/** The largest difference from PyTorch's logits over their largest size. */
export function worstError(engine: Engine, run: Case): number {
  const { graph, images, logits } = buildNetwork(findNetwork(run.network), buildOptions(run, 2));
  markOutput('logits', logits);
  const program = engine.compile(graph);
  for (const [name, { shape }] of graph.states) program.write(name, weightOf(name, shape));
  const found = program.run({ images: numbers('images', images.shape, -1, 1) }).logits as Float32Array;
  program.dispose();
  expect(found).toHaveLength(run.logits.length);
  const size = Math.max(...run.logits.map(Math.abs));
  return Math.max(...run.logits.map((expected, i) => Math.abs((found[i] as number) - expected))) / size;
}

export const nameOf = ({ network, form, options }: Case): string =>
  `${network} (${form}) ${JSON.stringify(options)}`;

/** A test on oneDNN, skipped with the reason where the library is not installed. */
export function itGivesTheLogits(run: Case): void {
  const skipped = oneDnn === undefined ? `: skipped, ${reason}` : '';
  it.skipIf(oneDnn === undefined)(`${nameOf(run)} on oneDNN${skipped}`, () => {
    expect(worstError(oneDnn as Engine, run)).toBeLessThan(tolerance);
  });
}

/** Networks of more parameters belong to the slow tests. */
export const isLarge = ({ parameters }: Case): boolean => parameters > 25_000_000;
