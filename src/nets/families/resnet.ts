// ResNet: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385),
// table 1. Weight names: torchvision's (imagenet), github weiaicunzai/pytorch-cifar100's (cifar, article).
//
// The bottleneck's stride stands in its 3x3 convolution, where torchvision's weights and the article have it
// ("v1.5"); the paper's place is the first 1x1: `--set stride=1x1`.
import type { Family, FormDescription, NetworkDescription, OptionValues } from '../network.ts';
import { centreCrop, centreCropAccuracy, cifar100Result, tenCrops } from '../published.ts';
import {
  type Branch,
  basic,
  bottleneck,
  cifarStem,
  imagenetStem,
  type Names,
  residualNetwork,
  torchvisionNames,
} from '../residual.ts';
import { type Reducing, type Shortcut, shortcutOption, strideOption } from '../residual-options.ts';

const paper = 'He et al., Deep Residual Learning for Image Recognition, CVPR 2016';

const cifarNames: Names = {
  stages: ['conv2_x', 'conv3_x', 'conv4_x', 'conv5_x'],
  branch: 'residual_function',
  shortcut: 'shortcut',
  pool: 'avg_pool',
  classifier: 'fc',
};

interface Row {
  readonly name: string;
  readonly block: 'basic' | 'bottleneck';
  readonly blocks: readonly number[];
  readonly place?: string;
  readonly published: NetworkDescription['published'];
}

const branchOf = ({ block }: Row, { stride }: OptionValues): Branch =>
  block === 'basic' ? basic : bottleneck({ stride: stride as Reducing });

function imagenetForm(row: Row): FormDescription {
  return {
    channels: 3,
    height: 224,
    width: 224,
    classes: 1000,
    options: { shortcut: shortcutOption, ...(row.block === 'bottleneck' && { stride: strideOption }) },
    build: (x, net, classes, options) =>
      residualNetwork(x, net, classes, {
        names: torchvisionNames,
        stem: imagenetStem,
        blocks: row.blocks,
        branch: branchOf(row, options),
        shortcut: options.shortcut as Shortcut,
        start: 'he',
      }),
    ...(row.block === 'bottleneck' && {
      deviations: [
        'The stride of a bottleneck stands in its 3x3 convolution, as in the weights that people have; the ' +
          "paper's place is the first 1x1 (option stride).",
      ],
    }),
  };
}

function cifarForm(row: Row): FormDescription {
  return {
    channels: 3,
    height: 32,
    width: 32,
    classes: 100,
    options: { shortcut: shortcutOption, ...(row.block === 'bottleneck' && { stride: strideOption }) },
    build: (x, net, classes, options) =>
      residualNetwork(x, net, classes, {
        names: cifarNames,
        stem: cifarStem('conv1'),
        blocks: row.blocks,
        branch: branchOf(row, options),
        shortcut: options.shortcut as Shortcut,
      }),
    deviations: [
      "The stem is one 3x3 convolution with stride 1 and no pool, for pictures of 32x32; the paper's own networks " +
        'for CIFAR are resnet20 to resnet110.',
      ...(row.block === 'bottleneck'
        ? ['The stride of a bottleneck stands in its 3x3 convolution, not in the first 1x1 (option stride).']
        : []),
    ],
  };
}

/** The article prints the bottleneck network only, without options. */
function articleForm(row: Row): FormDescription {
  const { options: _, build, ...form } = cifarForm(row);
  const printed = { shortcut: 'B', stride: '3x3' };
  return {
    ...form,
    build: (x, net, classes) => build(x, net, classes, printed),
    deviations: [
      'The stem is one 3x3 convolution with stride 1 and no pool.',
      'The stride of a bottleneck stands in its 3x3 convolution, not in the first 1x1.',
    ],
  };
}

function resnet(row: Row): NetworkDescription {
  const { name, block, place, published } = row;
  return {
    name,
    year: 2015,
    paper,
    ...(place !== undefined && { place }),
    forms: {
      imagenet: imagenetForm(row),
      cifar: cifarForm(row),
      ...(block === 'bottleneck' && { article: articleForm(row) }),
    },
    ...(published !== undefined && { published }),
  };
}

/** Table 3 of the paper. */
const tableThree = (shortcut: Shortcut, top1Error: number, top5Error: number) => ({
  form: 'imagenet' as const,
  dataset: 'ILSVRC 2012 validation',
  protocol: tenCrops,
  ...(shortcut !== 'B' && { options: { shortcut } }),
  top1Error,
  top5Error,
  source: 'the paper, table 3',
});

export const resnet18 = resnet({
  name: 'resnet18',
  block: 'basic',
  blocks: [2, 2, 2, 2],
  published: [centreCropAccuracy('torchvision', 69.758, 89.078), cifar100Result('cifar', 24.39, 6.95)],
});

export const resnet34 = resnet({
  name: 'resnet34',
  block: 'basic',
  blocks: [3, 4, 6, 3],
  published: [
    centreCropAccuracy('torchvision', 73.314, 91.42),
    tableThree('A', 25.03, 7.76),
    tableThree('B', 24.52, 7.46),
    tableThree('C', 24.19, 7.4),
    cifar100Result('cifar', 23.24, 6.63),
  ],
});

export const resnet50 = resnet({
  name: 'resnet50',
  block: 'bottleneck',
  blocks: [3, 4, 6, 3],
  published: [
    centreCropAccuracy('torchvision', 76.13, 92.862),
    {
      form: 'imagenet',
      dataset: 'ILSVRC 2012 validation',
      protocol: centreCrop,
      weights: "the paper's authors",
      options: { stride: '1x1' },
      top1Error: 24.7,
      top5Error: 7.8,
      source: 'github KaimingHe/deep-residual-networks',
    },
    cifar100Result('cifar', 22.61, 6.04),
  ],
});

export const resnet101 = resnet({
  name: 'resnet101',
  block: 'bottleneck',
  blocks: [3, 4, 23, 3],
  published: [centreCropAccuracy('torchvision', 77.374, 93.546), cifar100Result('cifar', 22.22, 5.61)],
});

export const resnet152 = resnet({
  name: 'resnet152',
  block: 'bottleneck',
  blocks: [3, 8, 36, 3],
  place: 'winner of ILSVRC 2015 (in an ensemble of six residual networks)',
  published: [centreCropAccuracy('torchvision', 78.312, 94.046), cifar100Result('cifar', 22.31, 5.81)],
});

export default {
  name: 'ResNet',
  networks: [resnet18, resnet34, resnet50, resnet101, resnet152],
} satisfies Family;
