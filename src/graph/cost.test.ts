import { describe, expect, it } from 'vitest';
import { costOf } from './cost.ts';
import { createGraph, type Graph, input, markOutput, scope, state, type Value } from './graph.ts';
import {
  adaptiveAveragePool,
  add,
  batchNorm,
  concat,
  convolution,
  flatten,
  globalAveragePool,
  linear,
  maxPool,
  multiply,
  relu,
  sigmoid,
} from './ops/index.ts';

const initial = { kind: 'constant', value: 0 } as const;

function conv(
  graph: Graph,
  name: string,
  x: Value,
  outputs: number,
  kernel: number,
  options: { stride?: number; padding?: number } = {},
): Value {
  return scope(graph, name, () => {
    const shape = [outputs, x.shape[1] as number, kernel, kernel];
    const w = state(graph, `${name}.weight`, shape, 'parameter', initial);
    return convolution(x, w, state(graph, `${name}.bias`, [outputs], 'parameter', initial), options);
  });
}

describe('receptive fields', () => {
  it('are those of ZFNet (Zeiler & Fergus 2014, figure 3)', () => {
    const graph = createGraph();
    const pool = (name: string, x: Value) =>
      scope(graph, name, () => maxPool(x, { kernel: 3, stride: 2, padding: 1 }));
    const x = input(graph, 'picture', [1, 3, 224, 224]);
    const pool1 = pool('pool1', conv(graph, 'conv1', x, 96, 7, { stride: 2, padding: 1 }));
    const pool2 = pool('pool2', conv(graph, 'conv2', pool1, 256, 5, { stride: 2 }));
    const conv3 = conv(graph, 'conv3', pool2, 384, 3, { padding: 1 });
    const conv5 = conv(graph, 'conv5', conv(graph, 'conv4', conv3, 384, 3, { padding: 1 }), 256, 3, {
      padding: 1,
    });
    markOutput('y', pool('pool5', conv5));
    const rows = costOf(graph).layers.map((row) => `${row.name} ${row.receptiveField}/${row.jump}`);
    expect(rows).toEqual([
      'conv1 7/2',
      'pool1 11/4',
      'conv2 27/8',
      'pool2 43/16',
      'conv3 75/16',
      'conv4 107/16',
      'conv5 139/16',
      'pool5 171/32',
    ]);
  });

  it('take the wider path where paths join, and the whole picture after global layers', () => {
    const graph = createGraph();
    const x = input(graph, 'picture', [1, 2, 12, 12]);
    const wide = conv(graph, 'wide', x, 2, 5, { padding: 2 });
    const narrow = conv(graph, 'narrow', x, 2, 1);
    const joined = concat([wide, narrow]);
    const sum = add(wide, narrow);
    const w = state(graph, 'fc', [3, 2], 'parameter', initial);
    markOutput('joined', joined);
    markOutput('y', linear(flatten(globalAveragePool(sum)), w));
    const fields = Object.fromEntries(
      costOf(graph).layers.map(({ op, receptiveField, jump }) => [op, `${receptiveField}/${jump}`]),
    );
    expect(fields).toMatchObject({
      concat: '5/1',
      add: '5/1',
      averagePool: '12/12',
      reshape: '12/12',
      linear: '12/12',
    });
  });

  it('are not widened by the gate of an SE block', () => {
    const graph = createGraph();
    const x = conv(graph, 'conv', input(graph, 'picture', [1, 2, 12, 12]), 2, 3, { padding: 1 });
    markOutput('y', multiply(x, sigmoid(globalAveragePool(x))));
    expect(costOf(graph).layers.at(-1)).toMatchObject({ op: 'multiply', receptiveField: 3, jump: 1 });
  });

  it('follow unequal bins by the widest one', () => {
    const graph = createGraph();
    markOutput('y', adaptiveAveragePool(input(graph, 'picture', [1, 2, 7, 7]), 3));
    expect(costOf(graph).layers[0]).toMatchObject({ receptiveField: 3, jump: 7 / 3 });
  });
});

describe('counts', () => {
  it('are those of LeNet-5 on 32x32 (61,706 parameters), with multiply-adds as the literature counts them', () => {
    const graph = createGraph();
    const x = input(graph, 'picture', [1, 1, 32, 32]);
    const first = maxPool(relu(conv(graph, 'conv1', x, 6, 5)), { kernel: 2 });
    const second = maxPool(relu(conv(graph, 'conv2', first, 16, 5)), { kernel: 2 });
    const dense = (name: string, value: Value, outputs: number) =>
      scope(graph, name, () =>
        linear(
          value,
          state(graph, `${name}.weight`, [outputs, value.shape[1] as number], 'parameter', initial),
          state(graph, `${name}.bias`, [outputs], 'parameter', initial),
        ),
      );
    markOutput('logits', dense('fc3', dense('fc2', dense('fc1', flatten(second), 120), 84), 10));
    const cost = costOf(graph);
    expect(cost.parameters).toBe(61706);
    expect(cost.buffers).toBe(0);
    expect(cost.macs).toBe(28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10);
    expect(cost.layers.map(({ params }) => params).reduce((a, b) => a + b)).toBe(61706);
    expect(cost.layers[0]).toEqual({
      name: 'conv1',
      op: 'convolution',
      outputShape: [1, 6, 28, 28],
      params: 156,
      macs: 117600,
      receptiveField: 5,
      jump: 1,
    });
  });

  it('tell buffers from parameters, and count a shared weight once', () => {
    const graph = createGraph();
    const x = input(graph, 'picture', [1, 4, 6, 6]);
    const vector = (name: string, role: 'parameter' | 'buffer') => state(graph, name, [4], role, initial);
    const parameters = {
      gamma: vector('gamma', 'parameter'),
      beta: vector('beta', 'parameter'),
      runningMean: vector('mean', 'buffer'),
      runningVariance: vector('variance', 'buffer'),
    };
    const options = { epsilon: 1e-5, momentum: 0.1, training: false };
    markOutput('y', batchNorm(relu(batchNorm(x, parameters, options)), parameters, options));
    const cost = costOf(graph);
    expect(cost).toMatchObject({ parameters: 8, buffers: 8, macs: 0 });
    expect(cost.layers.map(({ op, params }) => `${op} ${params}`)).toEqual([
      'batchNormInference 8',
      'relu 0',
      'batchNormInference 0',
    ]);
  });

  it('add up output elements of convolutions, and find the longest way through weighted layers', () => {
    const graph = createGraph();
    const x = conv(graph, 'stem', input(graph, 'picture', [1, 2, 12, 12]), 4, 3, { padding: 1 });
    const long = conv(graph, 'b', conv(graph, 'a', x, 6, 1), 4, 1);
    // The gate holds two convolutions, but lies beside the way.
    const gated = multiply(
      long,
      sigmoid(conv(graph, 'd', conv(graph, 'c', globalAveragePool(x), 1, 1), 4, 1)),
    );
    const w = state(graph, 'fc', [3, 4], 'parameter', initial);
    markOutput('y', linear(flatten(globalAveragePool(add(gated, x))), w));
    const { activations, convolutions, linears, depth } = costOf(graph);
    expect({ convolutions, linears, depth }).toEqual({ convolutions: 5, linears: 1, depth: 4 });
    expect(activations).toBe(144 * (4 + 6 + 4) + 1 + 4);
  });

  it('names the picture that is missing', () => {
    expect(() => costOf(createGraph(), { picture: 'image' })).toThrow('no input named image');
  });
});
