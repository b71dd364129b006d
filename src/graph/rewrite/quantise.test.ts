import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { findNetwork } from '../../nets/index.ts';
import { buildNetwork } from '../../nets/network.ts';
import { livelyWeights, relativeError, wave } from '../../weights/onnx/testing.ts';
import { createGraph, type Graph, input, markOutput, scope, state, type Value } from '../graph.ts';
import { add, concat, convolution, maxPool, relu } from '../ops/index.ts';
import { elementCount } from '../tensor.ts';
import { foldGraph } from './fold-batch-norm.ts';
import { planQuantisation, quantiseGraph } from './quantise.ts';

function conv(x: Value, name: string, outputs: number): Value {
  const w = state(x.graph, `${name}.weight`, [outputs, x.shape[1] as number, 1, 1], 'parameter', {
    kind: 'constant',
    value: 0,
  });
  return scope(x.graph, name, () => convolution(x, w, undefined));
}

function built(build: (x: Value) => Value): Graph {
  const graph = createGraph();
  markOutput('result', build(input(graph, 'images', [1, 4, 4, 4])));
  return graph;
}

/** Each site as its name, the modules that make its values, and `signed`. */
function described(graph: Graph): string[] {
  return planQuantisation(graph).sites.map(({ name, values, signed }) => {
    const paths = values.map(({ source }) => (source.kind === 'node' ? source.node.path : source.kind));
    return `${name}: ${paths.join(' ')}${signed ? ', signed' : ''}`;
  });
}

const rectified = (x: Value, name: string, outputs = 4): Value =>
  scope(x.graph, `${name}_relu`, () => relu(conv(x, name, outputs)));

describe('planning', () => {
  it('leaves the first layer, whose input has signs', () => {
    const graph = built((x) => conv(rectified(x, 'first'), 'second', 2));
    expect([...planQuantisation(graph).layers.keys()]).toEqual(['second']);
    expect(described(graph)).toEqual(['second.input: first_relu']);
  });

  it('quantises before pools, and with one scale what meets in a concatenation', () => {
    const graph = built((x) => {
      const stem = rectified(x, 'stem');
      const pooled = maxPool(stem, { kernel: 3, stride: 1, padding: 1 });
      return conv(concat([rectified(stem, 'one'), rectified(pooled, 'pool')], 1), 'after', 2);
    });
    expect(described(graph)).toEqual(['one.input: stem_relu', 'after.input: one_relu pool_relu']);
  });

  it('quantises the shortcut of a sum: what it is already, or a layer with its signs', () => {
    const block = (x: Value, shortcut: (x: Value) => Value): Value =>
      scope(x.graph, 'sum', () => relu(add(conv(rectified(x, 'conv1'), 'conv2', 4), shortcut(x))));
    const identity = built((x) =>
      conv(
        block(rectified(x, 'stem'), (same) => same),
        'after',
        2,
      ),
    );
    expect(described(identity)).toEqual([
      'conv1.input: stem_relu',
      'conv2.input: sum.conv1_relu',
      'after.input: sum',
    ]);
    const layer = built((x) =>
      conv(
        block(rectified(x, 'stem'), (same) => conv(same, 'down', 4)),
        'after',
        2,
      ),
    );
    expect(described(layer)).toContain('conv2.residual: sum.down, signed');
  });
});

describe('the quantised graph', () => {
  it('computes nearly what the network computes', () => {
    const network = buildNetwork(findNetwork('resnet20'), { form: 'cifar', batch: 1 });
    markOutput('logits', network.logits);
    const { graph, numbersOf } = foldGraph(network.graph);
    const weights = livelyWeights(network.graph);
    const read = (state_: string) => numbersOf(state_, (of) => weights.get(of) as Float32Array);
    const plan = planQuantisation(graph);
    expect(plan.layers.size).toBe(19);
    const images = wave(elementCount(network.images.shape));
    const run = (which: Graph): Record<string, Float32Array> => {
      const program = createReferenceEngine().compile(which, { weights: { read } });
      return program.run({ images }) as Record<string, Float32Array>;
    };
    for (const { name: site, values } of plan.sites)
      for (const [i, value] of values.entries()) markOutput(`${site} ${i}`, value);
    const expected = run(graph);
    const largest = (values: Float32Array): number =>
      values.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-6);
    const sites = new Map(
      plan.sites.map(({ name: site, values, signed }) => {
        const range = Math.max(...values.map((_, i) => largest(expected[`${site} ${i}`] as Float32Array)));
        return [site, range / (signed ? 127 : 255)];
      }),
    );
    const scales = new Map(
      [...plan.layers].map(([layer, { inputs }]) => {
        const data = read(`${layer}.weight`);
        const size = data.length / (inputs[1]?.shape[0] as number);
        const own = Float32Array.from(
          { length: data.length / size },
          (_, c) => largest(data.subarray(c * size, (c + 1) * size)) / 64,
        );
        return [layer, own] as const;
      }),
    );
    const result = run(quantiseGraph(graph, plan, { sites, weights: scales }));
    expect(relativeError(result.logits as Float32Array, expected.logits as Float32Array)).toBeLessThan(0.1);
  });

  it('wants all scales', () => {
    const graph = built((x) => conv(rectified(x, 'first'), 'second', 2));
    const plan = planQuantisation(graph);
    const none = { sites: new Map<string, number>(), weights: new Map<string, Float32Array>() };
    expect(() => quantiseGraph(graph, plan, none)).toThrow('There is no scale called second.input.');
  });
});
