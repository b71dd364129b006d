// Dead maps: units whose rectified activation stayed at zero for every picture of a data set (figure 6 of the ZFNet
// paper counts them in the first layer). Where to look is read off the graph: every value that goes into a ReLU, under
// the path of the module that made it, is above zero exactly where the unit is awake.
import type { Network } from '../nets/network.ts';
import type { LayerScan } from './scan.ts';

export interface LayerHealth {
  readonly layer: string;
  readonly units: number;
  readonly pictures: number;
  /** Units that were above zero in no picture. */
  readonly dead: readonly number[];
  /** Units that were above zero somewhere in every picture. */
  readonly always: number;
  /** Of each unit: the share of pictures in which it was above zero anywhere. */
  readonly awake: Float32Array;
  /** Of each unit: its strongest activation; 0 where it had none. */
  readonly strongest: Float32Array;
}

/** The layers in front of a ReLU, or with it, in the order in which they are computed; each under a path of its own. */
export function rectifiedLayers(network: Network): string[] {
  const { nodes, modules } = network.graph;
  const paths = new Map([...modules].map(([path, value]) => [value, path]));
  const found: string[] = [];
  for (const node of nodes) {
    if (node.op.name !== 'relu') continue;
    const [before] = node.inputs;
    const [after] = node.outputs;
    const path = (after && paths.get(after)) ?? (before && paths.get(before));
    if (path !== undefined && !found.includes(path)) found.push(path);
  }
  return found;
}

/** What a scan of a layer's activations says of its units, which must be the input of a ReLU or its output. */
export function layerHealth({ layer, units, pictures, top }: LayerScan): LayerHealth {
  const awake = Float32Array.from(top.active, (active) => (pictures === 0 ? 0 : active / pictures));
  const strongest = Float32Array.from({ length: units }, (_, unit) =>
    top.pictures[unit * top.size] === -1 ? 0 : (top.values[unit * top.size] as number),
  );
  const all = [...top.active.keys()];
  return {
    layer,
    units,
    pictures,
    dead: all.filter((unit) => top.active[unit] === 0),
    always: all.filter((unit) => top.active[unit] === pictures).length,
    awake,
    strongest,
  };
}
