// Starting a deep network from a trained shallower one of its family. VGG, section 3.1: "we initialised the first four
// convolutional layers and the last three fully connected layers with the layers of net A", the rest at random. The
// rule, for any two networks: the first n convolutions (each with the batch normalisation behind it) and the last m
// linear layers of theirs go to ours; a layer's counterpart is the one of the same kind and shape that has as many of
// that shape before it (linear layers: behind it). So A's second convolution, 64 to 128 maps, becomes D's third.
import type { Network } from '../../nets/network.ts';
import { shapeText } from '../../weights/tensor-file.ts';
import type { DepthShare } from './config.ts';
import { pathOf, stateNames } from './layers.ts';

/** VGG's own numbers. */
export const vggShare: DepthShare = { first: 4, last: 3 };

export interface DepthCopy {
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Layers copied: theirs, ours. */
  readonly copied: readonly (readonly [theirs: string, ours: string])[];
  /** Layers of theirs that have no counterpart. */
  readonly left: readonly string[];
}

interface Layer {
  readonly path: string;
  readonly kind: 'convolution' | 'linear';
  /** Shapes of all its weights. */
  readonly shape: string;
  readonly names: readonly string[];
}

/** Copies from `theirs`, whose numbers are `weights`, to the states of `ours`; both in inference form. */
export function copyByDepth(
  theirs: Network,
  weights: ReadonlyMap<string, Float32Array>,
  ours: Network,
  share: DepthShare = vggShare,
): DepthCopy {
  const [from, to] = [layersOf(theirs), layersOf(ours)];
  const values = new Map<string, Float32Array>();
  const copied: (readonly [string, string])[] = [];
  const left: string[] = [];
  const copy = (source: readonly Layer[], target: readonly Layer[], count: number): void => {
    for (const layer of source.slice(0, count)) {
      const alike = ({ shape }: Layer): boolean => shape === layer.shape;
      const counterpart = target.filter(alike)[source.filter(alike).indexOf(layer)];
      if (counterpart === undefined) {
        left.push(layer.path);
        continue;
      }
      copied.push([layer.path, counterpart.path]);
      for (const [i, name] of counterpart.names.entries()) {
        values.set(name, weights.get(layer.names[i] as string) as Float32Array);
      }
    }
  };
  const kind = (layers: readonly Layer[], wanted: Layer['kind']): Layer[] =>
    layers.filter((layer) => layer.kind === wanted);
  copy(kind(from, 'convolution'), kind(to, 'convolution'), share.first);
  copy(kind(from, 'linear').reverse(), kind(to, 'linear').reverse(), share.last);
  return { values, copied, left };
}

/** Convolutions and linear layers in the order of the graph. */
function layersOf(network: Network): Layer[] {
  const { nodes, states } = network.graph;
  return nodes.flatMap((node): Layer[] => {
    const kind = node.op.name;
    if (kind !== 'convolution' && kind !== 'linear') return [];
    const own = stateNames(node);
    const [output] = node.outputs;
    const norm = nodes.find(({ op, inputs }) => op.name === 'batchNormInference' && inputs[0] === output);
    const names = [...own, ...(norm === undefined ? [] : stateNames(norm))];
    if (own.length === 0) return [];
    const shape = names.map((name) => shapeText(states.get(name)?.shape ?? [])).join(' ');
    return [{ path: pathOf(own[0] as string), kind, shape, names }];
  });
}
