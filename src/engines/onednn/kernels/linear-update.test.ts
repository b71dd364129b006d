import { describe, expect, it } from 'vitest';
import { gradients } from '../../../graph/autodiff.ts';
import { createGraph, input, markOutput, state, update, type Value } from '../../../graph/graph.ts';
import { crossEntropy, linear, relu, sgd } from '../../../graph/ops/index.ts';
import { uniforms } from '../../../graph/random.ts';
import type { Engine } from '../../engine.ts';
import { createReferenceEngine } from '../../reference/index.ts';
import { tryCreateOneDnnEngine } from '../index.ts';

const { engine: found, reason } = tryCreateOneDnnEngine();
const [inputs, hidden, classes, batch] = [900, 5000, 3, 2];
const names = ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'];

interface Form {
  readonly nesterov: boolean;
  /** Whether somebody else reads the gradient of the large layer. */
  readonly shown?: boolean;
}

/** Two layers, of which the first has more than twice the numbers that are updated at a time. */
function step({ nesterov, shown = false }: Form) {
  const graph = createGraph();
  const x = input(graph, 'x', [batch, inputs]);
  const target = input(graph, 'target', [batch], 'index');
  const rate = input(graph, 'rate', [], 'full');
  const shapes = [[hidden, inputs], [hidden], [classes, hidden], [classes]];
  const weights = shapes.map((shape, i) =>
    state(graph, names[i] as string, shape, 'parameter', { kind: 'uniform', bound: 0.05 }),
  ) as [Value, Value, Value, Value];
  const features = relu(linear(x, weights[0], weights[1]));
  const { loss } = crossEntropy(linear(features, weights[2], weights[3]), target);
  markOutput('loss', loss);
  for (const [i, gradient] of gradients(loss, weights).entries()) {
    const w = weights[i] as Value;
    const nothing = { kind: 'constant', value: 0 } as const;
    const v = state(graph, `${names[i]}.momentum`, w.shape, 'optimizer', nothing);
    const next = sgd(w, gradient, v, rate, { momentum: 0.9, weightDecay: 0.01, nesterov });
    update(w, next.weights);
    update(v, next.velocity);
    if (shown && i === 0) markOutput('gradient', gradient);
  }
  return graph;
}

function trained(engine: Engine, form: Form) {
  const graph = step(form);
  const program = engine.compile(graph, { seed: 2 });
  const x = Float32Array.from(uniforms(1, 2, batch * inputs), (u) => u - 0.5);
  const feeds = { x, target: Int32Array.of(0, 2), rate: Float32Array.of(0.1) };
  const losses = [1, 2, 3].map(() => program.run(feeds).loss?.[0] as number);
  const states = new Map([...graph.states.keys()].map((name) => [name, program.read(name)]));
  const { steps, arenaBytes } = program.report();
  program.dispose();
  return { losses, states, steps, arenaBytes };
}

describe.skipIf(found === undefined)(`large layers${reason === undefined ? '' : ` (${reason})`}`, () => {
  const engine = found as Engine;
  const large = 4 * inputs * hidden;
  const products = ({ steps }: ReturnType<typeof trained>) =>
    steps.filter(({ op, macs }) => op === 'linearBackwardWeights' && macs > 0);

  it.each([true, false])('are updated in parts, with the same result; Nesterov: %s', (nesterov) => {
    const actual = trained(engine, { nesterov });
    const expected = trained(createReferenceEngine(), { nesterov });
    expect(products(actual).length).toBeGreaterThan(3);
    expect(actual.arenaBytes).toBeLessThan(large);
    actual.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(expected.losses[i] as number, 4);
    });
    for (const [name, numbers] of expected.states) {
      let [most, error] = [0, 0];
      for (const [i, value] of numbers.entries()) {
        most = Math.max(most, Math.abs(value));
        error = Math.max(error, Math.abs(value - (actual.states.get(name)?.[i] as number)));
      }
      expect([name, error <= 1e-4 * most]).toEqual([name, true]);
    }
  });

  it('are updated as a whole where the gradient is a result', () => {
    const shown = trained(engine, { nesterov: true, shown: true });
    expect(products(shown)).toHaveLength(2);
    expect(shown.arenaBytes).toBeGreaterThan(large);
  });
});
