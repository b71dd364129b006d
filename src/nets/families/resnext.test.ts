// ResNeXt's three equal forms (Xie et al. 2017, figure 3): the same weights, cut into paths, give the same logits.
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../engines/reference/index.ts';
import { markOutput } from '../../graph/graph.ts';
import { streamOf, uniforms } from '../../graph/random.ts';
import { elementCount, type Shape } from '../../graph/tensor.ts';
import { buildNetwork, type Form, type NetworkDescription } from '../network.ts';
import family from './resnext.ts';

const cardinality = 4;

type Weight = { readonly shape: Shape; readonly data: Float64Array };

function build(form: Form, construction: string) {
  const name = form === 'imagenet' ? 'resnext50_32x4d' : 'resnext50';
  const network = family.networks.find((each) => each.name === name) as NetworkDescription;
  const size = form === 'imagenet' ? 32 : 8;
  const options = { cardinality, width: 2, construction };
  const built = buildNetwork(network, { form, height: size, width: size, classes: 5, batch: 2, options });
  markOutput('logits', built.logits);
  return built;
}

/** Weights of the grouped form, a function of their names; variances positive, no two channels alike. */
function groupedWeights(form: Form): Map<string, Weight> {
  return new Map(
    [...build(form, 'grouped').graph.states].map(([name, { shape }]) => {
      const scale = shape.length > 1 ? Math.sqrt(3 / elementCount(shape.slice(1))) : 0.2;
      const middle = /(weight|running_var)$/.test(name) && shape.length === 1 ? 1 : 0;
      const drawn = uniforms(1, streamOf(name), elementCount(shape));
      return [name, { shape, data: drawn.map((u) => middle + scale * (2 * u - 1)) }];
    }),
  );
}

/** Names in a block of the grouped form: torchvision's, or an index in pytorch-cifar100's sequence. */
const sequenceNames: Readonly<Record<string, string>> = {
  conv1: '0',
  bn1: '1',
  conv2: '3',
  bn2: '4',
  conv3: '6',
  bn3: '7',
};

/** The weight `name` of a split form, cut out of the grouped form's. */
function cut(name: string, grouped: ReadonlyMap<string, Weight>): Float64Array {
  const parts = /^(.+?)\.(?:paths\.(\d+)\.)?((?:conv|bn)[123])\.(\w+)$/.exec(name);
  const [, block, path, layer, kind] = parts ?? [];
  const inSequence = block?.endsWith('split_transforms') === true;
  const source =
    parts && inSequence ? `${block}.${sequenceNames[layer as string]}.${kind}` : `${block}.${layer}.${kind}`;
  const weight = grouped.get(parts ? source : name);
  if (weight === undefined) throw new Error(`${name} has no source ${source}`);
  const { shape, data } = weight;
  if (path === undefined) return data;
  const [outputs, inputs = 1] = shape as [number, number];
  if (layer !== 'conv3') {
    const size = data.length / cardinality;
    return data.slice(Number(path) * size, (Number(path) + 1) * size);
  }
  const width = inputs / cardinality;
  const columns = Array.from({ length: outputs }, (_, row) => {
    const start = row * inputs + Number(path) * width;
    return [...data.subarray(start, start + width)];
  });
  return Float64Array.from(columns.flat());
}

function logits(form: Form, construction: string, grouped: ReadonlyMap<string, Weight>): Float64Array {
  const { graph, images } = build(form, construction);
  const program = createReferenceEngine().compile(graph, { dtype: 'f64' });
  for (const [name, { shape }] of graph.states) {
    const values = grouped.get(name)?.data ?? cut(name, grouped);
    if (values.length !== elementCount(shape)) throw new Error(`${name} got ${values.length} numbers`);
    program.write(name, values);
  }
  const pictures = uniforms(2, streamOf('images'), elementCount(images.shape)).map((u) => 2 * u - 1);
  return Float64Array.from(program.run({ images: pictures }).logits as Float64Array);
}

describe('the three forms of a ResNeXt block are equal', () => {
  for (const form of ['imagenet', 'cifar'] as const) {
    it.each(['split-concat', 'split-sum'])(`${form}: %s and grouped`, (construction) => {
      const grouped = groupedWeights(form);
      const expected = logits(form, 'grouped', grouped);
      const size = Math.max(...expected.map(Math.abs));
      expect(size).toBeGreaterThan(1e-3);
      const found = logits(form, construction, grouped);
      for (const [i, value] of expected.entries()) {
        expect(Math.abs((found[i] as number) - value) / size).toBeLessThan(1e-6);
      }
    });
  }
});
