import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { gradients } from '../autodiff.ts';
import {
  createGraph,
  type Graph,
  input,
  liveNodes,
  markOutput,
  state,
  update,
  type Value,
} from '../graph.ts';
import { add, averagePool, batchNorm, convolution, maxPool, relu } from '../ops/index.ts';
import { uniforms } from '../random.ts';
import { poolBeforeRelu } from './pool-before-relu.ts';

const engine = createReferenceEngine();
const window = { kernel: 3, stride: 2, padding: 1 };

/** A step of descent on the mean square of what `build` makes of a convolution's result. */
function step(build: (x: Value) => Value): Graph {
  const graph = createGraph();
  const x = input(graph, 'x', [2, 3, 9, 9]);
  const w = state(graph, 'w', [4, 3, 3, 3], 'parameter', { kind: 'uniform', bound: 0.5 });
  const b = state(graph, 'b', [4], 'parameter', { kind: 'uniform', bound: 0.2 });
  const y = build(convolution(x, w, b, { padding: 1 }));
  markOutput('y', y);
  const [dw, db] = gradients(y, [w, b]) as [Value, Value];
  update(w, add(w, dw));
  update(b, add(b, db));
  return graph;
}

function twoRuns(graph: Graph) {
  const program = engine.compile(graph, { seed: 3 });
  // Multiples of a quarter, so that many numbers in a window are equal.
  const x = Float32Array.from(uniforms(4, 5, 2 * 3 * 81), (u) => Math.floor(8 * u) / 4 - 1);
  program.run({ x });
  return { ...program.run({ x }), w: program.read('w'), b: program.read('b') };
}

const names = (graph: Graph): string[] => liveNodes(graph).map(({ op }) => op.name);

describe('max pools before ReLUs', () => {
  it('give the same bits, ties and windows without a positive number too', () => {
    const graph = step((x) => maxPool(relu(x), window));
    const swapped = poolBeforeRelu(graph);
    const order = (ops: string[]) => names(swapped).filter((name) => ops.includes(name));
    expect(order(['relu', 'maxPool'])).toEqual(['maxPool', 'relu']);
    expect(order(['reluBackward', 'maxPoolBackward'])).toEqual(['reluBackward', 'maxPoolBackward']);
    expect(twoRuns(swapped)).toEqual(twoRuns(graph));
  });

  it('work on a quarter of the numbers', () => {
    const swapped = poolBeforeRelu(step((x) => maxPool(relu(x), window)));
    const rectified = swapped.nodes.find(({ op }) => op.name === 'relu')?.outputs[0];
    expect(rectified?.shape).toEqual([2, 4, 5, 5]);
  });

  it.each<[string, (x: Value) => Value]>([
    [
      'someone else reads the ReLU',
      (x) => {
        const r = relu(x);
        return add(maxPool(r, { kernel: 3, stride: 1, padding: 1 }), r);
      },
    ],
    ['the pool takes means', (x) => averagePool(relu(x), window)],
    [
      'a batch norm stands before',
      (x) => {
        const vector = (name: string): Value =>
          state(x.graph, name, [4], 'buffer', { kind: 'constant', value: 1 });
        const parameters = {
          gamma: vector('gamma'),
          beta: vector('beta'),
          runningMean: vector('mean'),
          runningVariance: vector('variance'),
        };
        const options = { epsilon: 1e-5, momentum: 0.1, training: true };
        return maxPool(relu(batchNorm(x, parameters, options)), window);
      },
    ],
  ])('stay where they are if %s', (_, build) => {
    const graph = step(build);
    expect(poolBeforeRelu(graph)).toBe(graph);
  });

  it('stay where they are in inference', () => {
    const graph = createGraph();
    markOutput('y', maxPool(relu(input(graph, 'x', [1, 2, 6, 6])), window));
    expect(poolBeforeRelu(graph)).toBe(graph);
  });
});
