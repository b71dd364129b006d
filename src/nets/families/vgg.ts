// VGG: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, table 1:
// nothing but 3x3 convolutions and 2x2 pools, up to 19 weight layers. `_bn` adds the batch normalisation that came
// a year later, as torchvision and the article have it. Weight names: torchvision's (imagenet), github
// weiaicunzai/pytorch-cifar100's (cifar), which count every layer of a sequence: features.0, classifier.6.
//
// Planes are averaged to 7x7 before the linear layers, as torchvision does it, so that other sizes than 224 fit;
// at 224 that changes nothing. Weights start as torchvision's do: the paper's own start, from a trained
// configuration A, needs that training first.
import type { Value } from '../../graph/graph.ts';
import { flatten, lrn } from '../../graph/ops/index.ts';
import type { Layers, Start } from '../layers.ts';
import type { Family, FormDescription, NetworkDescription, PublishedResult } from '../network.ts';
import { centreCropAccuracy, cifar100Result } from '../published.ts';
import { batchNorm, conv, dropout, linear, maxPool, rectify, type Step, sequential } from '../sequential.ts';

/** Output maps of a 3x3 convolution, or maps and another kernel. */
type Layer = number | readonly [maps: number, kernel: number];
/** Five stages, each ended by a 2x2 pool. */
type Configuration = readonly (readonly Layer[])[];

/** Table 1 of the paper. A-LRN is A with a normalisation after its first layer. */
const table: Readonly<Record<'A' | 'B' | 'C' | 'D' | 'E', Configuration>> = {
  A: [[64], [128], [256, 256], [512, 512], [512, 512]],
  B: [
    [64, 64],
    [128, 128],
    [256, 256],
    [512, 512],
    [512, 512],
  ],
  C: [
    [64, 64],
    [128, 128],
    [256, 256, [256, 1]],
    [512, 512, [512, 1]],
    [512, 512, [512, 1]],
  ],
  D: [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ],
  E: [
    [64, 64],
    [128, 128],
    [256, 256, 256, 256],
    [512, 512, 512, 512],
    [512, 512, 512, 512],
  ],
};

interface Variant {
  readonly batchNorm?: boolean;
  /** Local response normalisation after the first layer. */
  readonly lrn?: boolean;
}

const zero = { kind: 'constant', value: 0 } as const;

/** torchvision's: He's normal start for ReLU, counted over outputs. */
const convStart = (maps: number, kernel: number): Start => ({
  weightInitial: { kind: 'normal', deviation: Math.sqrt(2 / (maps * kernel * kernel)) },
  biasInitial: zero,
});
const linearStart: Start = { weightInitial: { kind: 'normal', deviation: 0.01 }, biasInitial: zero };

function features(
  configuration: Configuration,
  variant: Variant,
  start: (maps: number, kernel: number) => Start = () => ({}),
): Step[] {
  return configuration.flatMap((stage) => [
    ...stage.flatMap((layer) => {
      const [maps, kernel] = typeof layer === 'number' ? [layer, 3] : layer;
      const convolve = conv(maps, kernel, { padding: (kernel - 1) / 2, ...start(maps, kernel) });
      return variant.batchNorm ? [convolve, batchNorm(), rectify] : [convolve, rectify];
    }),
    maxPool(2),
  ]);
}

/** Not counted among the layers, so that the weights' names are those of the network without it. */
function withLrn(steps: readonly Step[]): Step[] {
  const [convolve, first, ...rest] = steps as [Step, Step, ...Step[]];
  const normalised: Step = (x, net, name) => net.module('lrn', () => lrn(first(x, net, name)));
  return [convolve, normalised, ...rest];
}

function classifier(classes: number, start: Start = {}, inputs?: number): Step[] {
  return [
    linear(4096, { ...start, ...(inputs === undefined ? {} : { inputs }) }),
    rectify,
    dropout(0.5),
    linear(4096, start),
    rectify,
    dropout(0.5),
    linear(classes, start),
  ];
}

function imagenetForm(configuration: Configuration, variant: Variant): FormDescription {
  const steps = features(configuration, variant, convStart);
  return {
    channels: 3,
    height: 224,
    width: 224,
    classes: 1000,
    build: (x, net, classes) => {
      const h = sequential(x, net, 'features', variant.lrn ? withLrn(steps) : steps);
      const planes = flatten(net.adaptiveAveragePool(h, 'avgpool', 7));
      return sequential(planes, net, 'classifier', classifier(classes, linearStart));
    },
    deviations: variant.batchNorm ? [batchNormDeviation] : [],
  };
}

/** `inputs`: what the first linear layer takes; absent: whatever the picture's size gives. */
function smallForm(configuration: Configuration, variant: Variant, inputs?: number): FormDescription {
  const steps = features(configuration, variant);
  return {
    channels: 3,
    height: 32,
    width: 32,
    classes: 100,
    build: (x: Value, net: Layers, classes: number) =>
      sequential(
        flatten(sequential(x, net, 'features', variant.lrn ? withLrn(steps) : steps)),
        net,
        'classifier',
        classifier(classes, {}, inputs),
      ),
    deviations: smallDeviations(variant),
  };
}

const batchNormDeviation = 'Batch normalisation after every convolution; the paper, older than it, has none.';

const smallDeviations = ({ batchNorm: normalised }: Variant): string[] => [
  'For 32x32 pictures, of which five pools leave one position: the first linear layer has 512 inputs, not 512*7*7.',
  ...(normalised ? [batchNormDeviation] : []),
  "Weights start as PyTorch's do.",
];

const articleForm: FormDescription = {
  ...smallForm(table.E, { batchNorm: true }, 512),
  deviations: [
    ...smallDeviations({ batchNorm: true }),
    'make_layers is printed inside the class, where the call to it does not find it; it is built as it was meant.',
    'Its first linear layer fits pictures of 32 to 63 pixels only.',
  ],
};

const paper = 'Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015';

function vgg(
  name: string,
  configuration: Configuration,
  published: readonly PublishedResult[] = [],
  variant: Variant = {},
): NetworkDescription {
  const forms = {
    imagenet: imagenetForm(configuration, variant),
    cifar: smallForm(configuration, variant),
  };
  return { name, year: 2014, paper, place: 'second in ILSVRC 2014', forms, published };
}

/** With batch normalisation. */
function vggBn(
  name: string,
  configuration: Configuration,
  published: readonly PublishedResult[],
  more: NetworkDescription['forms'] = {},
): NetworkDescription {
  const forms = {
    imagenet: imagenetForm(configuration, { batchNorm: true }),
    cifar: smallForm(configuration, { batchNorm: true }),
  };
  return { name, year: 2014, paper, forms: { ...forms, ...more }, published };
}

const dense = (scales: string, top1Error: number, top5Error: number, where: string): PublishedResult => ({
  form: 'imagenet',
  dataset: 'ILSVRC 2012 validation',
  protocol: `one model, dense, with the mirror image, ${scales}`,
  top1Error,
  top5Error,
  source: `the paper, ${where}`,
});

const denseResults = [
  dense('trained at S=256, tested at Q=256', 27.0, 8.8, 'table 3'),
  dense('trained at S in 256..512, tested at Q=384', 25.6, 8.1, 'table 3'),
  dense('trained at S in 256..512, tested at Q=256, 384, 512', 24.8, 7.5, 'table 4'),
];

export const vgg11 = vgg('vgg11', table.A, [centreCropAccuracy('torchvision', 69.02, 88.628)]);
export const vgg11Lrn = vgg('vgg11_lrn', table.A, [], { lrn: true });
export const vgg13 = vgg('vgg13', table.B, [centreCropAccuracy('torchvision', 69.928, 89.246)]);
export const vgg16C = vgg('vgg16_c', table.C);
export const vgg16 = vgg('vgg16', table.D, [
  centreCropAccuracy('torchvision', 71.592, 90.382),
  ...denseResults,
]);
export const vgg19 = vgg('vgg19', table.E, [centreCropAccuracy('torchvision', 72.376, 90.876)]);

export const vgg11Bn = vggBn('vgg11_bn', table.A, [
  centreCropAccuracy('torchvision', 70.37, 89.81),
  cifar100Result('cifar', 31.36, 11.85),
]);
export const vgg13Bn = vggBn('vgg13_bn', table.B, [
  centreCropAccuracy('torchvision', 71.586, 90.374),
  cifar100Result('cifar', 28.0, 9.71),
]);
export const vgg16Bn = vggBn('vgg16_bn', table.D, [
  centreCropAccuracy('torchvision', 73.36, 91.516),
  cifar100Result('cifar', 27.07, 8.84),
]);
export const vgg19Bn = vggBn(
  'vgg19_bn',
  table.E,
  [centreCropAccuracy('torchvision', 74.218, 91.842), cifar100Result('cifar', 27.77, 8.84)],
  { article: articleForm },
);

export default {
  name: 'VGG',
  networks: [vgg11, vgg11Lrn, vgg13, vgg16C, vgg16, vgg19, vgg11Bn, vgg13Bn, vgg16Bn, vgg19Bn],
} satisfies Family;
