// Other people's names for our tensors. A map belongs to one network and form; it is applied to a file that has all of
// the names that it knows. Weights under such names come from another program, whose way of preparing pictures
// goes with them.
import type { Form } from '../nets/network.ts';
import { renamed } from './state-dict.ts';
import type { TensorFile } from './tensor-file.ts';

/** How pictures become the network's input; the fields of the evaluation's own record. */
export interface WeightsPreprocessing {
  readonly channels: number;
  /** Size of the crop, px. */
  readonly height: number;
  readonly width: number;
  readonly pad: number;
  /** For pixels in 0..`range`. */
  readonly normalise: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Short side before the crop, px. */
  readonly resize: number;
  readonly interpolation: 'bilinear' | 'bicubic';
  readonly range: 1 | 255;
  readonly order: 'RGB' | 'BGR';
}

export interface NamingMap {
  readonly network: string;
  readonly form: Form;
  /** Whose names these are. */
  readonly title: string;
  /** Their name of a tensor to ours. */
  readonly names: ReadonlyMap<string, string>;
  /** The classes and the preparation of pictures that the weights were trained with. */
  readonly dataset: 'imagenet';
  readonly preprocessing: WeightsPreprocessing;
}

/** Caffe names a layer by its module and its job, our modules are numbered branches, as torchvision's are. */
const caffeInception: readonly (readonly [theirs: string, ours: string])[] = [
  ['1x1', 'branch1'],
  ['3x3_reduce', 'branch2.0'],
  ['3x3', 'branch2.1'],
  ['5x5_reduce', 'branch3.0'],
  ['5x5', 'branch3.1'],
  ['pool_proj', 'branch4.1'],
];
const inceptionModules = ['3a', '3b', '4a', '4b', '4c', '4d', '4e', '5a', '5b'];

function googlenetCaffeNames(): Map<string, string> {
  const layers: (readonly [string, string])[] = [
    ['conv1/7x7_s2', 'conv1'],
    ['conv2/3x3_reduce', 'conv2'],
    ['conv2/3x3', 'conv3'],
    ...inceptionModules.flatMap((module) =>
      caffeInception.map(
        ([theirs, ours]) => [`inception_${module}/${theirs}`, `inception${module}.${ours}`] as const,
      ),
    ),
    ['loss3/classifier', 'fc'],
  ];
  const names = new Map<string, string>();
  for (const [theirs, ours] of layers) {
    for (const part of ['weight', 'bias']) names.set(`${theirs}.${part}`, `${ours}.${part}`);
  }
  return names;
}

export const namingMaps: readonly NamingMap[] = [
  {
    network: 'googlenet',
    form: 'imagenet',
    title: "Caffe's bvlc_googlenet, RGB",
    names: googlenetCaffeNames(),
    dataset: 'imagenet',
    preprocessing: {
      channels: 3,
      height: 224,
      width: 224,
      pad: 0,
      normalise: { mean: [123, 117, 104], std: [1, 1, 1] },
      resize: 256,
      interpolation: 'bilinear',
      range: 255,
      order: 'RGB',
    },
  },
];

/** The map whose names the file has, for a network and form, or for any. */
export function namingMapFor(file: TensorFile, network?: string, form?: Form): NamingMap | undefined {
  return namingMaps.find(
    (map) =>
      (network === undefined || map.network === network) &&
      (form === undefined || map.form === form) &&
      map.names.keys().every((name) => file.tensors.has(name)),
  );
}

/** The file under our names; what the map does not know (training's side heads) keeps its own. */
export function applyNamingMap(file: TensorFile, map: NamingMap): TensorFile {
  return renamed(file, (name) => map.names.get(name) ?? name);
}
