// Concatenations whose parts are written where they belong, against the reference engine.
import { describe, expect, it } from 'vitest';
import { createGraph, type Graph, input, markOutput, state, type Value } from '../../graph/graph.ts';
import { add, concat, convolution, multiply, relu } from '../../graph/ops/index.ts';
import { uniforms } from '../../graph/random.ts';
import { createReferenceEngine } from '../reference/index.ts';
import { tryCreateOneDnnEngine } from './index.ts';

const { engine, reason } = tryCreateOneDnnEngine();
const channels = [32, 16, 48];

/** A module of three convolutions side by side, with something behind it. */
function inception(batch: number, behind: (branches: Value[], together: Value, graph: Graph) => void): Graph {
  const graph = createGraph();
  const x = input(graph, 'x', [batch, 16, 5, 7]);
  const branches = channels.map((count, i) => {
    const w = state(graph, `w${i}`, [count, 16, 1, 1], 'parameter', { kind: 'normal', deviation: 1 });
    return relu(convolution(x, w, undefined));
  });
  behind(branches, concat(branches, 1), graph);
  return graph;
}

/** Another convolution over all channels, with filters of that name. */
function reader(graph: Graph, all: Value, name = 'w'): Value {
  const w = state(graph, name, [16, all.shape[1] as number, 3, 3], 'parameter', {
    kind: 'normal',
    deviation: 0.1,
  });
  return convolution(all, w, undefined, { padding: 1 });
}

describe.skipIf(engine === undefined)(`concatenations${engine ? '' : ` (skipped: ${reason})`}`, () => {
  /** Runs on both engines and gives how many copies ours makes. */
  const copiesOf = (graph: Graph): number => {
    const [batch = 1] = (graph.inputs.get('x') as Value).shape;
    const x = uniforms(1, 1, batch * 16 * 35);
    const program = engine?.compile(graph, { seed: 3 });
    const expected = createReferenceEngine().compile(graph, { seed: 3 }).run({ x });
    // What a first run left in memory may not help a second one.
    for (let run = 0; run < 2; run++) {
      const got = program?.run({ x });
      for (const [name, numbers] of Object.entries(expected)) {
        const largest = Math.max(...Array.from(numbers, Math.abs));
        got?.[name]?.forEach((each, i) => {
          if (Math.abs(each - (numbers[i] as number)) > 1e-4 * largest)
            throw new Error(`${name}[${i}]: got ${each}, expected ${numbers[i]}`);
        });
      }
    }
    const { steps = [] } = program?.report() ?? {};
    return steps.filter(({ op }) => op === 'concat').length;
  };

  it('makes no copy where nobody else reads the parts of one picture', () => {
    expect(copiesOf(inception(1, (_, all, graph) => markOutput('y', reader(graph, all))))).toBe(0);
  });

  it('makes no copy of wholes that are parts of another', () => {
    const graph = inception(1, (_, all, own) => {
      const x = own.inputs.get('x') as Value;
      const [one, two] = ['one', 'two'].map((name) => relu(reader(own, x, name))) as [Value, Value];
      markOutput('y', reader(own, concat([two, concat([all, one], 1)], 1)));
    });
    expect(copiesOf(graph)).toBe(0);
  });

  it('copies pictures of a batch, whose parts do not lie together', () => {
    expect(copiesOf(inception(2, (_, all, graph) => markOutput('y', reader(graph, all))))).toBe(1);
  });

  it('copies a part that is read elsewhere later', () => {
    const graph = inception(1, ([, part], all, own) => {
      const after = relu(reader(own, all));
      markOutput('y', add(after, part as Value));
    });
    expect(copiesOf(graph)).toBe(1);
  });

  it('copies a part that is put beside itself', () => {
    const graph = inception(1, ([part = undefined as never], _, own) =>
      markOutput('y', reader(own, concat([part, part], 1))),
    );
    expect(copiesOf(graph)).toBe(1);
  });

  it('keeps one of two wholes that share a part', () => {
    const graph = inception(1, ([first, second], all, own) => {
      markOutput('y', reader(own, all));
      markOutput('z', relu(concat([second as Value, first as Value], 1)));
    });
    expect(copiesOf(graph)).toBe(1);
  });

  it('copies a part that is an output, row-major as outputs are', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1, 16, 5, 7]);
    const part = relu(x);
    markOutput('part', part);
    markOutput('whole', relu(concat([part, multiply(x, x)], 1)));
    expect(copiesOf(graph)).toBe(1);
  });

  it('makes no copy of planes that nobody else reads', () => {
    const graph = createGraph();
    const x = input(graph, 'x', [1, 16, 5, 7]);
    markOutput('whole', concat([relu(x), multiply(x, x)], 1));
    expect(copiesOf(graph)).toBe(0);
  });
});
