// The projector against the deconvnet written out in plain loops for one small network: switches, unpooling,
// rectification and transposed filters, as section 2.1 of the paper has them.
import { describe, expect, it } from 'vitest';
import { tryCreateOneDnnEngine } from '../engines/onednn/index.ts';
import { createReferenceEngine } from '../engines/reference/index.ts';
import { relu } from '../graph/ops/index.ts';
import { normals, streamOf } from '../graph/random.ts';
import { elementCount } from '../graph/tensor.ts';
import { buildNetwork, type Network } from '../nets/network.ts';
import { findLayer } from './layer.ts';
import { createProjector } from './project.ts';

const side = 6;
const half = side / 2;

function smallNetwork(): Network {
  return buildNetwork({
    name: 'small',
    year: 2000,
    paper: 'none',
    forms: {
      cifar: {
        channels: 1,
        height: side,
        width: side,
        classes: 1,
        build: (x, net) => {
          const first = relu(net.conv(x, 'conv1', 2, 3, { padding: 1 }));
          const pooled = net.maxPool(first, 'pool', 2);
          return net.module('conv2', () => relu(net.conv(pooled, 'inner', 1, 3, { padding: 1 })));
        },
      },
    },
  });
}

const random = (name: string, count: number): Float32Array =>
  Float32Array.from(normals(5, streamOf(name), count));
const tensors = new Map<string, Float32Array>();
for (const [name, { shape }] of smallNetwork().graph.states)
  tensors.set(name, random(name, elementCount(shape)));
const weights = (name: string): Float32Array => tensors.get(`${name}.weight`) as Float32Array;
const image = random('image', side * side);

/** Calls `visit` for each output and the input that it sees through filter element `tap` (0 to 8). */
function forEachTap(size: number, visit: (output: number, input: number, tap: number) => void): void {
  for (let output = 0; output < size * size; output++) {
    for (let tap = 0; tap < 9; tap++) {
      const y = Math.floor(output / size) + Math.floor(tap / 3) - 1;
      const x = (output % size) + (tap % 3) - 1;
      if (y >= 0 && y < size && x >= 0 && x < size) visit(output, y * size + x, tap);
    }
  }
}

/** Where each pool's maximum lies in the first layer's two maps. */
function switches(): number[][] {
  return [0, 1].map((map) => {
    const values = new Float64Array(side * side).fill(
      (tensors.get('conv1.bias') as Float32Array)[map] as number,
    );
    forEachTap(side, (output, at, tap) => {
      values[output] =
        (values[output] as number) + (image[at] as number) * (weights('conv1')[map * 9 + tap] as number);
    });
    return Array.from({ length: half * half }, (_, i) => {
      const corner = Math.floor(i / half) * 2 * side + (i % half) * 2;
      const window = [corner, corner + 1, corner + side, corner + side + 1];
      // Behind the ReLU; the first in row order where several are equal.
      const rectified = window.map((place) => Math.max(0, values[place] as number));
      return window[rectified.indexOf(Math.max(...rectified))] as number;
    });
  });
}

/** The deconvnet's projection of `activation` at `place` of the last map. */
function expected(activation: number, place: number): Float64Array {
  const pixels = new Float64Array(side * side);
  for (const [map, places] of switches().entries()) {
    const pooled = new Float64Array(half * half);
    forEachTap(half, (output, at, tap) => {
      const weight = weights('conv2.inner')[map * 9 + tap] as number;
      if (output === place) pooled[at] = (pooled[at] as number) + Math.max(0, activation) * weight;
    });
    const unpooled = new Float64Array(side * side);
    for (const [i, target] of places.entries()) unpooled[target] = Math.max(0, pooled[i] as number);
    forEachTap(side, (output, at, tap) => {
      const weight = weights('conv1')[map * 9 + tap] as number;
      pixels[at] = (pixels[at] as number) + (unpooled[output] as number) * weight;
    });
  }
  return pixels;
}

const { engine: native } = tryCreateOneDnnEngine();
const engines = [createReferenceEngine(), ...(native ? [native] : [])];

describe.each(engines.map((engine) => [engine.name, engine] as const))('a projector on %s', (_, engine) => {
  it('does what the paper says, at every position', () => {
    const network = smallNetwork();
    const projector = createProjector(engine, network, tensors, findLayer(network, 'conv2'));
    let active = 0;
    for (let place = 0; place < half * half; place++) {
      const position = [Math.floor(place / half), place % half] as const;
      const [found] = projector.project(image, [{ unit: 0, position }]);
      if (found === undefined) continue;
      if (found.activation > 0) active++;
      const wanted = expected(found.activation, place);
      wanted.forEach((value, i) => {
        expect(found.pixels[i]).toBeCloseTo(value, 4);
      });
      if (found.activation > 0) expect(Math.max(...found.pixels.map(Math.abs))).toBeGreaterThan(0.01);
    }
    expect(active).toBeGreaterThan(1);
    projector.dispose();
  });

  it('refuses units, positions and seeds that there are not, and a second projector on one graph', () => {
    const network = smallNetwork();
    const layer = findLayer(network, 'conv1');
    const projector = createProjector(engine, network, tensors, layer);
    expect(() => projector.project(image, [{ unit: 2 }])).toThrow(
      'conv1 has no unit 2; its 2 units are 0 to 1.',
    );
    expect(() => projector.project(image, [{ unit: 0, position: [6, 0] }])).toThrow('no position 6,0');
    expect(() => projector.project(image, [{ unit: 0 }, { unit: 1 }])).toThrow('got 2 seeds');
    expect(() => projector.project(new Float32Array(3), [{ unit: 0 }])).toThrow('images got 3 numbers');
    expect(() => createProjector(engine, network, tensors, layer)).toThrow(
      'has an input named place already',
    );
    projector.dispose();
  });
});
