// One version's side of bench/versions.ts: node bench/versions-worker.ts WORK... It answers a line `N WORK`. A single
// convolution is timed as the step of a program: reorders to and from plain layout, which neighbours in the same layout
// spare, do not count. Its implementation may take several steps of the same op.
import { createInterface } from 'node:readline';
import { chooseEngine } from '../src/engines/choose.ts';
import type { Program } from '../src/engines/engine.ts';
import {
  createGraph,
  emitOne,
  type Graph,
  input,
  markOutput,
  state,
  type Value,
} from '../src/graph/graph.ts';
import {
  convolution,
  convolutionBackwardDataOp,
  convolutionBackwardWeightsOp,
  convolutionOutputShape,
} from '../src/graph/ops/convolution.ts';
import { uniforms } from '../src/graph/random.ts';
import { foldGraph } from '../src/graph/rewrite/fold-batch-norm.ts';
import { elementCount, type NumericArray } from '../src/graph/tensor.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';
import { buildTrainingStep } from '../src/train/step.ts';
import {
  type ConvolutionShape,
  convolutions,
  type Direction,
  directions,
  type Whole,
  wholes,
} from './versions-work.ts';

const { engine } = chooseEngine('onednn');

const ops: Readonly<Record<Direction, string>> = {
  forward: 'convolution',
  data: 'convolutionBackwardData',
  weights: 'convolutionBackwardWeights',
};

function convolutionGraph(shape: ConvolutionShape, direction: Direction): Graph {
  const { batch, inputs, outputs, side, kernel, stride = 1, padding = 0, groups = 1 } = shape;
  const graph = createGraph();
  const attributes = {
    stride: [stride, stride] as const,
    padding: [padding, padding] as const,
    dilation: [1, 1] as const,
    groups,
  };
  const inputShape = [batch, inputs, side, side];
  const weightShape = [outputs, inputs / groups, kernel, kernel];
  const picture = (): Value => input(graph, 'x', inputShape);
  const weights = (): Value => state(graph, 'w', weightShape, 'parameter', { kind: 'uniform', bound: 0.05 });
  const gradient = (): Value =>
    input(graph, 'dy', convolutionOutputShape(inputShape, weightShape, attributes));
  const result = {
    forward: () => convolution(picture(), weights(), undefined, { stride, padding, groups }),
    data: () => emitOne(convolutionBackwardDataOp, { ...attributes, inputShape }, [gradient(), weights()]),
    weights: () =>
      emitOne(convolutionBackwardWeightsOp, { ...attributes, weightShape, bias: false }, [
        picture(),
        gradient(),
      ]),
  }[direction]();
  markOutput('result', result);
  return graph;
}

function wholeGraph({ net, form, batch, what }: Whole): Graph {
  const training = what === 'train';
  const network = buildNetwork(findNetwork(net), { form, batch, training });
  if (training) {
    buildTrainingStep(network, {
      optimizer: { momentum: 0.9, nesterov: true, weightDecay: 5e-4, decayBiasAndNorm: true },
    });
    return network.graph;
  }
  markOutput('logits', network.logits);
  return foldGraph(network.graph).graph;
}

function feedsFor(graph: Graph): Record<string, NumericArray> {
  const feeds: Record<string, NumericArray> = {};
  for (const [name, { shape, precision }] of graph.inputs) {
    const count = elementCount(shape);
    feeds[name] =
      precision === 'index'
        ? new Int32Array(count)
        : Float32Array.from(uniforms(1, 1, count), (u) => (count === 1 ? 0.001 : 2 * u - 1));
  }
  return feeds;
}

interface Prepared {
  /** Milliseconds of a step. */
  step(): number;
  readonly implementation: string;
}

function prepareConvolution(shape: ConvolutionShape, direction: Direction): Prepared {
  const graph = convolutionGraph(shape, direction);
  const program = engine.compile(graph, { profile: true, autotune: 'on' });
  const feeds = feedsFor(graph);
  const own = (): { times: readonly number[]; implementation: string }[] =>
    program.report().steps.filter(({ op }) => op === ops[direction]);
  program.run(feeds);
  const implementation = [...new Set(own().map((each) => each.implementation))].join(' + ');
  return {
    implementation,
    step() {
      program.run(feeds);
      return own().reduce((sum, { times }) => sum + (times.at(-1) ?? 0), 0);
    },
  };
}

function prepareWhole(whole: Whole): Prepared {
  const graph = wholeGraph(whole);
  const program: Program = engine.compile(graph, { autotune: 'on' });
  const feeds = feedsFor(graph);
  program.run(feeds);
  return {
    implementation: '',
    step() {
      const before = performance.now();
      program.run(feeds);
      return performance.now() - before;
    },
  };
}

const prepared = new Map<string, Prepared>();
for (const work of process.argv.slice(2)) {
  const whole = wholes.find(({ name }) => name === work);
  const shape = convolutions.find(({ name }) => work.startsWith(`${name} `));
  const direction = directions.find((each) => work.endsWith(` ${each}`));
  if (whole !== undefined) prepared.set(work, prepareWhole(whole));
  else if (shape !== undefined && direction !== undefined)
    prepared.set(work, prepareConvolution(shape, direction));
  else throw new Error(`There is no work called '${work}'.`);
}
const implementations = Object.fromEntries([...prepared].map(([name, each]) => [name, each.implementation]));
console.log(JSON.stringify({ ...engine.describe(), implementations }));
for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const work = prepared.get(line.slice(space + 1));
  if (work === undefined) throw new Error(`There is no work called '${line.slice(space + 1)}'.`);
  console.log(JSON.stringify(Array.from({ length: Number(line.slice(0, space)) }, () => work.step())));
}
