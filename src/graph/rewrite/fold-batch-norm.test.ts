import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { livelyWeights, relativeError, wave } from '../../weights/onnx/testing.ts';
import { createGraph, type Graph, input, markOutput, scope, state, update, type Value } from '../graph.ts';
import { add, batchNorm, convolution, flatten, linear, relu } from '../ops/index.ts';
import { elementCount, type Shape } from '../tensor.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';

const parameter = (graph: Graph, name: string, shape: Shape): Value =>
  state(graph, name, shape, 'parameter', { kind: 'constant', value: 0 });

function norm(x: Value, name: string): Value {
  const size = [x.shape[1] as number];
  const states = {
    gamma: parameter(x.graph, `${name}.weight`, size),
    beta: parameter(x.graph, `${name}.bias`, size),
    runningMean: parameter(x.graph, `${name}.running_mean`, size),
    runningVariance: parameter(x.graph, `${name}.running_var`, size),
  };
  return scope(x.graph, name, () => batchNorm(x, states, { epsilon: 1e-3, momentum: 0.1, training: false }));
}

function conv(
  x: Value,
  name: string,
  outputs: number,
  options: { bias?: boolean; groups?: number } = {},
): Value {
  const { bias = false, groups = 1 } = options;
  const w = parameter(x.graph, `${name}.weight`, [outputs, (x.shape[1] as number) / groups, 3, 3]);
  const b = bias ? parameter(x.graph, `${name}.bias`, [outputs]) : undefined;
  return scope(x.graph, name, () => convolution(x, w, b, { groups, padding: 1 }));
}

function built(build: (x: Value) => Value): Graph {
  const graph = createGraph();
  markOutput('result', build(input(graph, 'images', [2, 4, 5, 6])));
  return graph;
}

function run(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Float32Array {
  const program = createReferenceEngine().compile(graph);
  for (const [name, values] of weights) program.write(name, values);
  const images = wave(elementCount((graph.inputs.get('images') as Value).shape));
  return program.run({ images }).result as Float32Array;
}

const shared = (x: Value): Value => {
  const w = parameter(x.graph, 'w', [4, 4, 1, 1]);
  return add(norm(convolution(x, w, undefined), 'bn1'), norm(convolution(relu(x), w, undefined), 'bn2'));
};

describe('folding batch norms', () => {
  it.each<[string, number, (x: Value) => Value]>([
    ['a convolution without bias', 1, (x) => norm(conv(x, 'conv', 3), 'bn')],
    ['a convolution with bias', 1, (x) => norm(conv(x, 'conv', 3, { bias: true }), 'bn')],
    ['a convolution in groups', 1, (x) => norm(conv(x, 'conv', 6, { groups: 2 }), 'bn')],
    ['a linear layer', 1, (x) => norm(linear(flatten(x), parameter(x.graph, 'fc.weight', [7, 120])), 'bn')],
    [
      'both branches of a residual block',
      2,
      (x) => relu(add(norm(conv(relu(x), 'conv1', 4), 'bn1'), norm(conv(x, 'conv2', 4), 'bn2'))),
    ],
    ['nothing: no layer before it', 0, (x) => norm(relu(x), 'bn')],
    [
      'nothing: the layer itself is read as well',
      0,
      (x) => {
        const h = conv(x, 'conv', 4);
        return add(norm(h, 'bn'), h);
      },
    ],
    ['nothing: two layers share their weights', 0, shared],
    ['the nearer of two', 1, (x) => norm(norm(conv(x, 'conv', 4), 'bn1'), 'bn2')],
  ])('into %s', (_, count, build) => {
    const graph = built(build);
    const weights = livelyWeights(graph);
    const before = new Map([...weights].map(([name, values]) => [name, values.slice()]));
    const folded = foldBatchNorm(graph, weights);
    expect(folded.folded).toBe(count);
    expect(folded.graph.nodes).toHaveLength(graph.nodes.length - count);
    expect([...folded.weights.keys()]).toEqual([...folded.graph.states.keys()]);
    const expected = run(graph, weights);
    expect(relativeError(run(folded.graph, folded.weights), expected)).toBeLessThan(1e-5);
    // What came in is as it was.
    expect(weights).toEqual(before);
    expect(run(graph, weights)).toEqual(expected);
  });

  it('keeps the names of weights and layers, and names a bias after its weight', () => {
    const graph = built((x) => norm(conv(x, 'conv', 3), 'bn'));
    const { graph: folded, weights } = foldBatchNorm(graph, livelyWeights(graph));
    expect([...weights.keys()]).toEqual(['conv.weight', 'conv.bias']);
    expect(folded.nodes.map(({ path }) => path)).toEqual(['conv']);
    expect(folded.modules.get('bn')).toBe(folded.outputs.get('result'));
    expect(folded.modules.has('conv')).toBe(false);
  });

  it('folds nothing where the layer is an output itself', () => {
    const graph = built((x) => {
      const h = conv(x, 'conv', 4);
      markOutput('before', h);
      return norm(h, 'bn');
    });
    expect(foldBatchNorm(graph, livelyWeights(graph)).folded).toBe(0);
  });

  it('refuses training graphs and missing numbers', () => {
    const graph = built((x) => norm(conv(x, 'conv', 3), 'bn'));
    const weights = livelyWeights(graph);
    weights.delete('bn.bias');
    expect(() => foldBatchNorm(graph, weights)).toThrow(/no numbers for the state bn\.bias/);
    const mean = graph.states.get('bn.running_mean') as Value;
    update(mean, mean);
    expect(() => foldBatchNorm(graph, weights)).toThrow(/expected an inference graph/);
  });
});
