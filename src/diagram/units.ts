// From nodes to the layers that a reader thinks of: a convolution with its batch norm and ReLU is one. Only what
// lies between the picture and the answer counts; weights and statistics are the layers' own business.
import { macsOf } from '../graph/cost.ts';
import { describeNode } from '../graph/describe.ts';
import type { Node, Value } from '../graph/graph.ts';
import { elementCount } from '../graph/tensor.ts';
import type { Network } from '../nets/network.ts';
import type { Layer, LayerKind } from './pieces.ts';

export interface Unit {
  readonly layer: Layer;
  /** Order of its first node in the graph. */
  readonly order: number;
  /** What it reads; `undefined` is the picture. */
  readonly inputs: readonly (Unit | undefined)[];
  /** Whether the network gives out what it makes. */
  readonly isOutput: boolean;
}

interface Draft {
  readonly head: Node;
  readonly nodes: Node[];
  inputs: Value[];
  output: Value;
}

const types: Readonly<Record<string, LayerKind>> = {
  convolution: 'convolution',
  linear: 'linear',
  maxPool: 'pool',
  averagePool: 'pool',
  adaptiveAveragePool: 'pool',
  lrn: 'normalisation',
  batchNormTraining: 'normalisation',
  batchNormInference: 'normalisation',
  relu: 'activation',
  tanh: 'activation',
  sigmoid: 'activation',
  softmax: 'activation',
  add: 'join',
  multiply: 'join',
  concat: 'join',
};

/** Ops that are told with the layer before them. */
const followers: ReadonlySet<string> = new Set([
  'batchNormTraining',
  'batchNormInference',
  'relu',
  'tanh',
  'sigmoid',
  'lrn',
  'dropout',
  'softmax',
  'reshape',
]);

/** The layers of a network, in the order of its graph. */
export function unitsOf(network: Network): Unit[] {
  const outputs = new Set<Value>([network.logits, ...network.auxiliary.map(({ logits }) => logits)]);
  const nodes = nodesBetween(network.images, outputs);
  const signals = new Set<Value>([network.images, ...nodes.flatMap((node) => node.outputs)]);
  const inputsOf = (node: Node): Value[] => node.inputs.filter((value) => signals.has(value));
  const readers = new Map<Value, number>();
  for (const node of nodes) {
    for (const value of inputsOf(node)) readers.set(value, (readers.get(value) ?? 0) + 1);
  }
  const drafts: Draft[] = [];
  const makers = new Map<Value, Draft>();
  for (const node of nodes) {
    const inputs = inputsOf(node);
    const output = node.outputs[0] as Value;
    const before = inputs.map((value) =>
      readers.get(value) === 1 && !outputs.has(value) ? makers.get(value) : undefined,
    );
    const [only] = before;
    let draft: Draft;
    if (inputs.length === 1 && only !== undefined && follows(node, only)) {
      draft = only;
      draft.nodes.push(node);
      draft.output = output;
    } else {
      draft = { head: node, nodes: [node], inputs, output };
      // A sum of sums is one sum: the paths of ResNeXt's first form meet in one place.
      if (node.op.name === 'add') {
        const parts = before.filter((each): each is Draft => each !== undefined && isBareAdd(each));
        draft.inputs = inputs.flatMap(
          (value) => parts.find((part) => part.output === value)?.inputs ?? [value],
        );
        for (const part of parts) drafts.splice(drafts.indexOf(part), 1);
      }
      drafts.push(draft);
    }
    for (const value of node.outputs) makers.set(value, draft);
  }
  const counted = new Set<Value>();
  const units = new Map<Draft, Unit>();
  for (const draft of drafts) {
    const inputs = draft.inputs.map((value) => units.get(makers.get(value) as Draft));
    units.set(draft, {
      layer: layerOf(draft, counted),
      order: draft.head.id,
      inputs: [...new Set(inputs)],
      isOutput: outputs.has(draft.output),
    });
  }
  return [...units.values()];
}

function follows(node: Node, draft: Draft): boolean {
  if (node.op.name === 'pad') return draft.head.op.name === 'slice';
  return followers.has(node.op.name);
}

function isBareAdd({ head, nodes }: Draft): boolean {
  return head.op.name === 'add' && nodes.length === 1;
}

/** Nodes on a way from the picture to an output. */
function nodesBetween(images: Value, outputs: ReadonlySet<Value>): Node[] {
  const { nodes } = images.graph;
  const seen = new Set<Value>([images]);
  const reached = nodes.filter((node) => {
    const reaches = node.inputs.some((value) => seen.has(value));
    if (reaches) for (const value of node.outputs) seen.add(value);
    return reaches;
  });
  const needed = new Set<Value>(outputs);
  return reached
    .reverse()
    .filter((node) => {
      const isNeeded = node.outputs.some((value) => needed.has(value));
      if (isNeeded) for (const value of node.inputs) needed.add(value);
      return isNeeded;
    })
    .reverse();
}

function layerOf({ head, nodes, inputs, output }: Draft, counted: Set<Value>): Layer {
  let params = 0;
  let macs = 0;
  for (const node of nodes) {
    macs += macsOf(node);
    for (const value of node.inputs) {
      if (value.source.kind !== 'state' || value.source.role !== 'parameter' || counted.has(value)) continue;
      counted.add(value);
      params += elementCount(value.shape);
    }
  }
  const batch = inputs[0]?.shape[0] ?? 1;
  return {
    kind: 'layer',
    type: types[head.op.name] ?? 'other',
    path: head.path,
    title: head.op.name === 'concat' || head.op.name === 'add' ? head.op.name : describeNode(head),
    followers: nodes.slice(1).map((node) => describeNode(node)),
    shape: output.shape.slice(1),
    params,
    macs: macs / batch,
  };
}
