// How the weights of a network start, where a recipe says it: a scheme is laid over what the network itself has. A
// scheme asks what a weight does (the filters of the how-manieth convolution, of a linear layer, a bias behind either),
// never what it is called. Batch norms start as PyTorch's do: weight 1, bias 0.
import { type Graph, type Initial, type Node, setInitial, type Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';

/**
 * `network`: as the family has it, which for AlexNet, ZFNet, VGG, GoogLeNet and the ResNets of ImageNet is their
 * paper's or its successors', and PyTorch's default otherwise.
 * `he`: He et al. 2015b: filters N(0, 2/n) with n = kernel x maps that a filter's input reaches (equation 14, which
 * torchvision's ResNets take), linear layers N(0, 2/n) with n = inputs (equation 10); biases 0.
 * `glorot`: Glorot & Bengio 2010, equation 16: U(-b, b), b = sqrt(6 / (inputs + outputs)), each times the kernel's
 * area; biases 0.
 * `alexnet-2012`: Krizhevsky et al. 2012, section 5: N(0, .01^2); biases 1 in the second, fourth and fifth convolution
 * and in the hidden linear layers, else 0.
 * `zfnet`: Zeiler & Fergus 2014, section 3.1: the scale 10^-2, drawn from N(0, .01^2), biases 0.
 * `zero-gamma`: as `he`, and 0 for the weight of the last batch norm of each residual branch (Goyal et al. 2017,
 * section 5.1), so that every block starts as its shortcut.
 */
export const initialSchemes = ['network', 'he', 'glorot', 'alexnet-2012', 'zfnet', 'zero-gamma'] as const;
export type InitialScheme = (typeof initialSchemes)[number];

/** A layer with weights, as its node in the graph shows it. */
interface Layer {
  readonly kind: 'convolution' | 'linear';
  /** Among the layers of its kind, from 1. */
  readonly place: number;
  /** Whether it is the linear layer that gives logits. */
  readonly last: boolean;
  readonly weight: Value;
  readonly bias: Value | undefined;
}

interface Start {
  readonly weight: Initial;
  readonly bias: number;
}

const normal = (deviation: number): Initial => ({ kind: 'normal', deviation });

const schemes: Record<Exclude<InitialScheme, 'network'>, (layer: Layer) => Start> = {
  he: heStart,
  glorot({ weight }) {
    const [outputs, inputs, ...kernel] = weight.shape as [number, number, ...number[]];
    const area = kernel.reduce((product, size) => product * size, 1);
    return { weight: { kind: 'uniform', bound: Math.sqrt(6 / (area * (inputs + outputs))) }, bias: 0 };
  },
  'alexnet-2012': ({ kind, place, last }) => ({
    weight: normal(0.01),
    bias: (kind === 'linear' ? !last : [2, 4, 5].includes(place)) ? 1 : 0,
  }),
  zfnet: () => ({ weight: normal(0.01), bias: 0 }),
  'zero-gamma': heStart,
};

function heStart({ kind, weight }: Layer): Start {
  const [outputs, inputs, ...kernel] = weight.shape as [number, number, ...number[]];
  const n = kind === 'linear' ? inputs : kernel.reduce((product, size) => product * size, outputs);
  return { weight: normal(Math.sqrt(2 / n)), bias: 0 };
}

/** Lays `scheme` over the starts of `network`, whose graph must not be compiled yet. */
export function applyInitial(network: Network, scheme: InitialScheme): void {
  if (scheme === 'network') return;
  const start = schemes[scheme];
  for (const layer of layersOf(network)) {
    const { weight, bias } = start(layer);
    setInitial(layer.weight, weight);
    if (layer.bias !== undefined) setInitial(layer.bias, { kind: 'constant', value: bias });
  }
  if (scheme !== 'zero-gamma') return;
  for (const gamma of lastGammas(network.graph)) setInitial(gamma, { kind: 'constant', value: 0 });
}

/** The layers with weights of their own, in the order in which the network has them. */
function layersOf({ graph, logits, auxiliary }: Network): Layer[] {
  const heads = new Set([logits, ...auxiliary.map((head) => head.logits)]);
  const places = { convolution: 0, linear: 0 };
  const seen = new Set<Value>();
  return graph.nodes.flatMap(({ op, inputs, outputs }) => {
    const kind = op.name;
    if (kind !== 'convolution' && kind !== 'linear') return [];
    const [, weight, bias] = inputs as [Value, Value, Value?];
    if (weight.source.kind !== 'state' || seen.has(weight)) return [];
    seen.add(weight);
    places[kind]++;
    return [{ kind, place: places[kind], last: heads.has(outputs[0] as Value), weight, bias }];
  });
}

/**
 * The weights of the batch norms that end residual branches: of the two sides of a sum, the branch is the one with the
 * longer way behind it; a gate may stand between its last batch norm and the sum. A branch that ends in a ReLU is left
 * alone: no gradient comes through a ReLU at 0.
 */
function lastGammas(graph: Graph): Value[] {
  const depths = new Map<Node, number>();
  const depthOf = ({ source }: Value): number =>
    source.kind === 'node' ? (depths.get(source.node) as number) : 0;
  const gammas: Value[] = [];
  for (const node of graph.nodes) {
    depths.set(node, 1 + Math.max(...node.inputs.map(depthOf)));
    if (node.op.name !== 'add') continue;
    const [a, b] = node.inputs as [Value, Value];
    const gamma = gammaBehind(depthOf(a) > depthOf(b) ? a : b);
    if (gamma !== undefined) gammas.push(gamma);
  }
  return gammas;
}

function gammaBehind({ source }: Value): Value | undefined {
  if (source.kind !== 'node') return undefined;
  const { op, inputs } = source.node;
  if (op.name === 'multiply') return gammaBehind(inputs[0] as Value);
  return op.name.startsWith('batchNorm') ? inputs[1] : undefined;
}
