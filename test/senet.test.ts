// Logits, parameters and multiply-adds of SENets and of the 32x32 residual networks, against definitions in PyTorch
// that share nothing with ours (tools/torch/residual_fixtures.py made the file), from the same numbered weights.
import { describe, expect, it } from 'vitest';
import type { Engine } from '../src/engines/engine.ts';
import { tryCreateOneDnnEngine } from '../src/engines/onednn/index.ts';
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { costOf } from '../src/graph/cost.ts';
import { markOutput } from '../src/graph/graph.ts';
import { streamOf, uniforms } from '../src/graph/random.ts';
import { elementCount, type Shape } from '../src/graph/tensor.ts';
import { findNetwork } from '../src/nets/index.ts';
import { type BuildOptions, buildNetwork, type Form, type OptionValues } from '../src/nets/network.ts';
import fixture from './fixtures/senet-logits.json' with { type: 'json' };

type Case = (typeof fixture.cases)[number];

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

function buildOptions({ form, options, size }: Case, batch: number): BuildOptions {
  const plain = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { classes } = fixture;
  return { form: form as Form, options: plain as OptionValues, classes, height: size, width: size, batch };
}

/** The largest difference from PyTorch's logits over their largest size. */
function worstError(engine: Engine, run: Case): number {
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

const nameOf = ({ network, form, options }: Case): string =>
  `${network} (${form}) ${JSON.stringify(options)}`;

describe('residual networks give the logits of PyTorch', () => {
  for (const run of fixture.cases) {
    it.skipIf(oneDnn === undefined)(
      `${nameOf(run)} on oneDNN${oneDnn ? '' : `: skipped, ${reason}`}`,
      () => {
        expect(worstError(oneDnn as Engine, run)).toBeLessThan(1e-4);
      },
      60_000,
    );
  }
  const small = fixture.cases.filter(({ network }) => network === 'resnet20' || network === 'seresnet18');
  for (const run of small.filter(({ form }) => form !== 'article')) {
    it(`${nameOf(run)} on the reference engine`, () => {
      expect(worstError(createReferenceEngine(), run)).toBeLessThan(1e-4);
    }, 60_000);
  }
});

describe('residual networks have the size that PyTorch counts', () => {
  it.each(fixture.cases.map((run) => [nameOf(run), run] as const))('%s', (_, run) => {
    const { graph } = buildNetwork(findNetwork(run.network), buildOptions(run, 1));
    expect(costOf(graph)).toMatchObject({ parameters: run.parameters, macs: run.macs });
  });
});
