// GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, table 1 and figure 3. `googlenet` is the
// network of the paper, in the form of the weights that people have of it (BVLC's for Caffe): pools round up, LRN
// has k=1 and divides alpha by its size, and the start is Xavier's with biases of 0.2, all three of which the paper
// leaves open. `googlenet_bn` is torchvision's, with its names; `googlenet`'s names follow the same modules.
// The 32x32 form has one convolution as its stem, and the weight names of github weiaicunzai/pytorch-cifar100.
import type { Value } from '../../graph/graph.ts';
import { concat, flatten, lrn, relu } from '../../graph/ops/index.ts';
import type { ConvOptions, Layers, Start } from '../layers.ts';
import type { AuxiliaryHead, Family, FormDescription, Heads, NetworkDescription } from '../network.ts';
import { centreCropAccuracy, cifar100Result } from '../published.ts';
import { batchNorm, conv, maxPool, rectify, type Step, sequential } from '../sequential.ts';

/** A row of table 1: maps of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection. */
type Row = readonly [
  one: number,
  reduce3: number,
  three: number,
  reduce5: number,
  five: number,
  pool: number,
];

const table = {
  '3a': [64, 96, 128, 16, 32, 32],
  '3b': [128, 128, 192, 32, 96, 64],
  '4a': [192, 96, 208, 16, 48, 64],
  '4b': [160, 112, 224, 24, 64, 64],
  '4c': [128, 128, 256, 24, 64, 64],
  '4d': [112, 144, 288, 32, 64, 64],
  '4e': [256, 160, 320, 32, 128, 128],
  '5a': [256, 160, 320, 32, 128, 128],
  '5b': [384, 192, 384, 48, 128, 128],
} as const satisfies Record<string, Row>;
type ModuleName = keyof typeof table;
const modules = Object.keys(table) as ModuleName[];

/** A convolution with what follows it, up to and including ReLU. */
type ConvUnit = (
  x: Value,
  net: Layers,
  name: string,
  maps: number,
  kernel: number,
  options?: ConvOptions,
) => Value;

/** In what `googlenet` and `googlenet_bn` differ. */
interface Variant {
  readonly unit: ConvUnit;
  /** Kernel of what the table calls 5x5. */
  readonly five: 3 | 5;
  /** Kernel of the pool between 4e and 5a. */
  readonly pool4: 2 | 3;
  readonly lrn: boolean;
  readonly dropout: number;
  /** Linear layers whose ReLU follows, and output layers. */
  readonly hiddenStart: (inputs: number) => Start;
  readonly outputStart: (inputs: number) => Start;
  /** Brings a plane of 14x14 to 4x4 for a side head. */
  readonly auxiliaryPool: (x: Value, net: Layers) => Value;
}

function inception(x: Value, net: Layers, name: ModuleName, { unit, five }: Variant): Value {
  const [n1, n3Reduce, n3, n5Reduce, n5, nPool] = table[name];
  const inside = (branch: string, build: () => Value) => net.module(branch, build);
  return net.module(`inception${name}`, () =>
    concat([
      unit(x, net, 'branch1', n1, 1),
      inside('branch2', () => unit(unit(x, net, '0', n3Reduce, 1), net, '1', n3, 3, { padding: 1 })),
      inside('branch3', () =>
        unit(unit(x, net, '0', n5Reduce, 1), net, '1', n5, five, { padding: (five - 1) / 2 }),
      ),
      inside('branch4', () =>
        unit(net.maxPool(x, '0', 3, { stride: 1, padding: 1, ceil: true }), net, '1', nPool, 1),
      ),
    ]),
  );
}

/** Section 5: a side head on 4a and on 4d, in training only; its loss counts 0.3. */
function auxiliaryHead(
  x: Value,
  net: Layers,
  name: string,
  classes: number,
  variant: Variant,
): AuxiliaryHead {
  const logits = net.module(name, () => {
    let h = variant.auxiliaryPool(x, net);
    h = flatten(variant.unit(h, net, 'conv', 128, 1));
    h = relu(net.linear(h, 'fc1', 1024, variant.hiddenStart(h.shape[1] as number)));
    h = net.dropout(h, 'dropout', 0.7);
    return net.linear(h, 'fc2', classes, variant.outputStart(1024));
  });
  return { logits, weight: 0.3 };
}

function build(x: Value, net: Layers, classes: number, variant: Variant): Heads {
  const { unit } = variant;
  const norm = (h: Value, name: string) =>
    variant.lrn ? net.module(name, () => lrn(h, { k: 1, sum: false })) : h;
  const pool = (h: Value, name: string, kernel = 3) =>
    net.maxPool(h, name, kernel, { stride: 2, ceil: true });
  const auxiliary: AuxiliaryHead[] = [];
  let h = unit(x, net, 'conv1', 64, 7, { stride: 2, padding: 3 });
  h = norm(pool(h, 'maxpool1'), 'norm1');
  h = unit(h, net, 'conv2', 64, 1);
  h = unit(h, net, 'conv3', 192, 3, { padding: 1 });
  h = pool(norm(h, 'norm2'), 'maxpool2');
  for (const name of modules) {
    h = inception(h, net, name, variant);
    if (name === '3b') h = pool(h, 'maxpool3');
    if (name === '4e') h = pool(h, 'maxpool4', variant.pool4);
    if (!net.training) continue;
    if (name === '4a') auxiliary.push(auxiliaryHead(h, net, 'aux1', classes, variant));
    if (name === '4d') auxiliary.push(auxiliaryHead(h, net, 'aux2', classes, variant));
  }
  h = net.dropout(flatten(net.globalAveragePool(h, 'avgpool')), 'dropout', variant.dropout);
  return { logits: net.linear(h, 'fc', classes, variant.outputStart(1024)), auxiliary };
}

/** Xavier as Caffe has it: U(-b, b) with b = sqrt(3 / inputs). */
const xavier = (inputs: number, bias: number): Start => ({
  weightInitial: { kind: 'uniform', bound: Math.sqrt(3 / inputs) },
  biasInitial: { kind: 'constant', value: bias },
});

const plain: Variant = {
  unit: (x, net, name, maps, kernel, options) => {
    const inputs = (x.shape[1] as number) * kernel * kernel;
    return relu(net.conv(x, name, maps, kernel, { ...options, ...xavier(inputs, 0.2) }));
  },
  five: 5,
  pool4: 3,
  lrn: true,
  dropout: 0.4,
  hiddenStart: (inputs) => xavier(inputs, 0.2),
  outputStart: (inputs) => xavier(inputs, 0),
  auxiliaryPool: (x, net) => net.averagePool(x, 'pool', 5, { stride: 3 }),
};

const smallNormal: Start = { weightInitial: { kind: 'normal', deviation: 0.01 } };

const normalised: Variant = {
  unit: (x, net, name, maps, kernel, options) =>
    net.module(name, () => {
      const h = net.conv(x, 'conv', maps, kernel, { ...options, bias: false, ...smallNormal });
      return relu(net.batchNorm(h, 'bn', { epsilon: 1e-3 }));
    }),
  five: 3,
  pool4: 2,
  lrn: false,
  dropout: 0.2,
  hiddenStart: () => smallNormal,
  outputStart: () => smallNormal,
  auxiliaryPool: (x, net) => net.adaptiveAveragePool(x, 'pool', 4),
};

const unit = (maps: number, kernel: number, epsilon?: number): Step[] => [
  conv(maps, kernel, { padding: (kernel - 1) / 2 }),
  batchNorm(epsilon === undefined ? {} : { epsilon }),
  rectify,
];

/** The article's module: 5x5 as two of 3x3. `slip`: the first of them has its map count as BN's epsilon. */
function smallInception(x: Value, net: Layers, name: string, row: Row, slip: boolean): Value {
  const [n1, n3Reduce, n3, n5Reduce, n5, nPool] = row;
  const five = [...unit(n5Reduce, 1), ...unit(n5, 3, slip ? n5 : undefined), ...unit(n5, 3)];
  return net.module(name, () =>
    concat([
      sequential(x, net, 'b1', unit(n1, 1)),
      sequential(x, net, 'b2', [...unit(n3Reduce, 1), ...unit(n3, 3)]),
      sequential(x, net, 'b3', five),
      sequential(x, net, 'b4', [maxPool(3, { stride: 1, padding: 1 }), ...unit(nPool, 1)]),
    ]),
  );
}

function smallForm(slip: boolean, deviations: readonly string[]): FormDescription {
  return {
    channels: 3,
    height: 32,
    width: 32,
    classes: 100,
    build: (x, net, classes) => {
      let h = sequential(x, net, 'prelayer', unit(192, 3));
      for (const name of modules) {
        if (name === '4a' || name === '5a') h = net.maxPool(h, 'maxpool', 3, { stride: 2, padding: 1 });
        h = smallInception(h, net, `${name[1]}${name[0]}`, table[name], slip);
      }
      h = net.dropout(flatten(net.globalAveragePool(h, 'avgpool')), 'dropout', 0.4);
      return net.linear(h, 'linear', classes);
    },
    deviations,
  };
}

const smallDeviations = [
  'For 32x32 pictures: the stem is one 3x3 convolution with stride 1, without pools and without LRN.',
  'Batch normalisation after every convolution; the paper has none.',
  'The 5x5 convolution of a module is two of 3x3.',
  'No side heads.',
];

const paper = 'Szegedy et al., Going Deeper with Convolutions, CVPR 2015';
const imagenet = { channels: 3, height: 224, width: 224, classes: 1000 } as const;

const crops = (count: string, top5Error: number) => ({
  form: 'imagenet' as const,
  dataset: 'ILSVRC 2014 validation',
  protocol: `one model, ${count} of 224`,
  top5Error,
  source: 'the paper, table 3',
});

export const googlenet: NetworkDescription = {
  name: 'googlenet',
  year: 2014,
  paper,
  place: 'winner of ILSVRC 2014',
  forms: {
    imagenet: { ...imagenet, build: (x, net, classes) => build(x, net, classes, plain) },
    cifar: smallForm(false, [...smallDeviations, "Weights start as PyTorch's do."]),
    article: smallForm(true, [
      ...smallDeviations,
      'The first 3x3 of the two that stand for 5x5 has BatchNorm2d(n5x5, n5x5), which sets epsilon to the number of ' +
        'maps (32 to 128) and so nearly switches its normalisation off.',
    ]),
  },
  published: [
    crops('1 crop', 10.07),
    crops('10 crops', 9.15),
    crops('144 crops', 7.89),
    centreCropAccuracy("Caffe's bvlc_googlenet", 68.7, 88.9),
    cifar100Result('cifar', 21.97, 5.94),
  ],
};

export const googlenetBn: NetworkDescription = {
  name: 'googlenet_bn',
  year: 2015,
  paper: `${paper}, with the batch normalisation of Ioffe and Szegedy, ICML 2015, as torchvision has it`,
  forms: {
    imagenet: {
      ...imagenet,
      build: (x, net, classes) => build(x, net, classes, normalised),
      deviations: [
        'Batch normalisation (epsilon 1e-3) instead of biases after every convolution, and no LRN.',
        'The convolution that the paper calls 5x5 is 3x3, a slip of torchvision that its weights were trained with.',
        'The pool before 5a is 2x2; the paper has 3x3. Dropout before the output is 0.2; the paper has 0.4.',
      ],
    },
  },
  published: [centreCropAccuracy('torchvision', 69.778, 89.53)],
};

export default { name: 'GoogLeNet', networks: [googlenet, googlenetBn] } satisfies Family;
