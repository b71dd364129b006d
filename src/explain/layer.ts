// A layer to look at: any module path that the weights' names use (`features.13`, `layer3.0`, `inception4a.branch2`);
// a block's path means its output. Its maps, their size, and what one position of them sees of the picture come from
// the graph alone.
import { didYouMean, UserError } from '../errors.ts';
import type { Node, Value } from '../graph/graph.ts';
import { isGate } from '../graph/ops/multiply.ts';
import { formatShape } from '../graph/tensor.ts';
import type { Network } from '../nets/network.ts';

export interface Layer {
  readonly path: string;
  readonly value: Value;
  /** Feature maps, or the outputs of a linear layer. */
  readonly units: number;
  /** Positions of a map; 1x1 behind a linear layer. */
  readonly height: number;
  readonly width: number;
}

/** A part of the input, px; bottom and right exclusive. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Every path that `findLayer` takes, in the order of the graph. */
export function layerPaths(network: Network): string[] {
  return [...network.graph.modules].filter(([, { shape }]) => isLayer(shape)).map(([path]) => path);
}

/** The layer at a path. Throws a UserError with the nearest paths where there is none. */
export function findLayer(network: Network, path: string): Layer {
  const value = network.graph.modules.get(path);
  if (value === undefined) {
    const paths = layerPaths(network);
    throw new UserError(
      `${network.name} (form ${network.form}) has no layer '${path}'.${didYouMean(path, paths)}`,
      { exitCode: 2 },
    );
  }
  if (!isLayer(value.shape)) {
    throw new UserError(
      `${path} of ${network.name} gives ${formatShape(value.shape)}, expected maps or the outputs of a linear layer.`,
      { exitCode: 2 },
    );
  }
  const [, units, height = 1, width = 1] = value.shape as [number, number, number?, number?];
  return { path, value, units, height, width };
}

function isLayer(shape: readonly number[]): boolean {
  return shape.length === 4 || shape.length === 2;
}

/** Throws a UserError for a unit or a position that the layer does not have. */
export function checkSeed(layer: Layer, unit: number, position?: readonly [y: number, x: number]): void {
  const { path, units, height, width } = layer;
  if (!Number.isInteger(unit) || unit < 0 || unit >= units) {
    throw new UserError(`${path} has no unit ${unit}; its ${units} units are 0 to ${units - 1}.`, {
      exitCode: 2,
    });
  }
  if (position === undefined) return;
  const [y, x] = position;
  const inside = Number.isInteger(y) && Number.isInteger(x) && y >= 0 && y < height && x >= 0 && x < width;
  if (inside) return;
  throw new UserError(
    `${path} has no position ${y},${x}; its maps are ${height}x${width}, 0,0 to ${height - 1},${width - 1}.`,
    { exitCode: 2 },
  );
}

/**
 * What position (y, x) of a layer sees of the picture: its receptive field, cut at the borders. A gate that multiplies
 * whole planes (SE) is held constant and widens nothing; behind a linear layer it is the whole picture.
 */
export function receptiveBox(network: Network, layer: Layer, y: number, x: number): Box {
  const { images } = network;
  const boxes = new Map<Value, Box>([[layer.value, { top: y, left: x, bottom: y + 1, right: x + 1 }]]);
  const { source } = layer.value;
  const last = source.kind === 'node' ? source.node.id : -1;
  for (let id = last; id >= 0; id--) {
    const node = network.graph.nodes[id] as Node;
    for (const output of node.outputs) {
      const box = boxes.get(output);
      if (box === undefined) continue;
      for (const value of pathsInto(node)) {
        const seen = cut(boxBefore(node, value, output, box), value);
        if (seen === undefined) continue;
        const before = boxes.get(value);
        boxes.set(value, before === undefined ? seen : around(before, seen));
      }
    }
  }
  const [, , height, width] = images.shape as [number, number, number, number];
  return boxes.get(images) ?? { top: 0, left: 0, bottom: height, right: width };
}

/** The inputs through which positions are seen: weights have none, and a gate only scales. */
function pathsInto(node: Node): readonly Value[] {
  const values = isGate(node) ? node.inputs.slice(0, 1) : node.inputs;
  return values.filter(({ source }) => source.kind === 'input' || source.kind === 'node');
}

/** Height and width; 1x1 where a value has none. */
function sizeOf({ shape }: Value): readonly [height: number, width: number] {
  const [, , height = 1, width = 1] = shape.length === 4 ? shape : [];
  return [height, width];
}

function boxBefore(node: Node, value: Value, output: Value, box: Box): Box {
  const window = node.op.window?.(
    node.inputs.map(({ shape }) => shape),
    node.attributes,
  );
  if (window === undefined) {
    const [height, width] = sizeOf(value);
    const [outputHeight, outputWidth] = sizeOf(output);
    // Without a window an op works position by position, unless it gathers all of them (flattening).
    if (height === outputHeight && width === outputWidth) return box;
    return { top: 0, left: 0, bottom: height, right: width };
  }
  const { kernel, stride, padding } = window;
  const range = (first: number, end: number, axis: 0 | 1): readonly [number, number] => [
    Math.floor(first * stride[axis] - padding[axis]),
    Math.ceil((end - 1) * stride[axis] - padding[axis]) + kernel[axis],
  ];
  const [top, bottom] = range(box.top, box.bottom, 0);
  const [left, right] = range(box.left, box.right, 1);
  return { top, left, bottom, right };
}

/** The part of a box inside a value's plane; undefined for one that lies wholly in padding. */
function cut(box: Box, value: Value): Box | undefined {
  const [height, width] = sizeOf(value);
  const [top, left] = [Math.max(0, box.top), Math.max(0, box.left)];
  const [bottom, right] = [Math.min(height, box.bottom), Math.min(width, box.right)];
  return bottom > top && right > left ? { top, left, bottom, right } : undefined;
}

function around(a: Box, b: Box): Box {
  return {
    top: Math.min(a.top, b.top),
    left: Math.min(a.left, b.left),
    bottom: Math.max(a.bottom, b.bottom),
    right: Math.max(a.right, b.right),
  };
}
