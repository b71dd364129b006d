// ResNeXt: Xie, Girshick, Dollar, Tu, He, "Aggregated Residual Transformations for Deep Neural Networks",
// CVPR 2017 (arXiv 1611.05431), table 1. A bottleneck of C equal paths (the cardinality), each d channels wide in
// the first stage. Weight names: torchvision's (imagenet), github weiaicunzai/pytorch-cifar100's (cifar, article).
//
// Figure 3 draws three equal forms of a block, the option `construction`:
//   split-sum (a)     C paths 1x1, 3x3, 1x1, summed
//   split-concat (b)  C paths 1x1, 3x3, concatenated, then one 1x1
//   grouped (c)       1x1, a 3x3 in C groups, 1x1
import { UserError } from '../../errors.ts';
import type { Value } from '../../graph/graph.ts';
import { add, concat, relu } from '../../graph/ops/index.ts';
import type { Family, FormDescription, NetworkDescription, OptionValues } from '../network.ts';
import { centreCropAccuracy, cifar100Result } from '../published.ts';
import {
  type Branch,
  bottleneck,
  type Convolution,
  cifarStem,
  conv,
  convNorm,
  imagenetStem,
  type Names,
  type ResidualPlan,
  residualNetwork,
  torchvisionNames,
} from '../residual.ts';

const paper = 'Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017';

const cifarNames: Names = {
  stages: ['conv2', 'conv3', 'conv4', 'conv5'],
  branch: 'split_transforms',
  shortcut: 'shortcut',
  pool: 'avg',
  classifier: 'fc',
};

/** Channels of a block's inner convolutions, all paths together: d doubles where the size halves. */
export function innerWidth(cardinality: number, width: number): (stageWidth: number) => number {
  for (const [what, value] of Object.entries({ cardinality, width })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new UserError(`${what} is ${value}; expected a whole number of at least 1.`, { exitCode: 2 });
    }
  }
  return (stageWidth) => cardinality * ((width * stageWidth) / 64);
}

/** Figure 3 (a) and (b): the paths one by one, with weights `paths.0.conv1`, ... of their own. */
function split(merge: 'sum' | 'concat'): ResidualPlan['assemble'] {
  return (x, net, branch, plan) => {
    const [reduce, transform, expand] = branch as [Convolution, Convolution, Convolution];
    const paths = transform.groups ?? 1;
    const narrow = { channels: transform.channels / paths, groups: 1 };
    const build = (): Value => {
      const ends = Array.from({ length: paths }, (_, path) =>
        net.module(`paths.${path}`, () => {
          const h = relu(convNorm(x, net, ['conv1', 'bn1'], { ...reduce, ...narrow }, plan));
          const y = relu(convNorm(h, net, ['conv2', 'bn2'], { ...transform, ...narrow }, plan));
          return merge === 'sum' ? conv(y, net, 'conv3', expand, plan) : y;
        }),
      );
      const y = merge === 'sum' ? ends.reduce(add) : conv(concat(ends, 1), net, 'conv3', expand, plan);
      return net.batchNorm(y, 'bn3');
    };
    const { branch: name } = plan.names;
    return name === undefined ? build() : net.module(name, build);
  };
}

const assemblies: Readonly<Record<string, ResidualPlan['assemble']>> = {
  grouped: undefined,
  'split-concat': split('concat'),
  'split-sum': split('sum'),
};

interface Row {
  readonly name: string;
  readonly blocks: readonly number[];
  readonly cardinality: number;
  readonly width: number;
  readonly published: NetworkDescription['published'];
}

const optionsOf = ({ cardinality, width }: Row): FormDescription['options'] => ({
  cardinality: { description: 'paths of a block', default: cardinality },
  width: {
    description: 'channels of a path in the first stage; doubled from stage to stage',
    default: width,
  },
  construction: {
    description: 'which of the equal forms (c), (b), (a) of figure 3',
    default: 'grouped',
    choices: Object.keys(assemblies),
  },
});

/** The parts of a plan that the options decide. */
function variation({ cardinality, width, construction }: OptionValues) {
  const [c, d] = [cardinality as number, width as number];
  const assemble = assemblies[construction as string];
  return {
    branch: bottleneck({ inner: innerWidth(c, d), groups: c }),
    ...(assemble !== undefined && { assemble }),
  };
}

function imagenet(row: Row): NetworkDescription {
  return {
    name: row.name,
    year: 2016,
    paper,
    place: 'of the family of the second place of ILSVRC 2016',
    forms: {
      imagenet: {
        channels: 3,
        height: 224,
        width: 224,
        classes: 1000,
        options: optionsOf(row),
        build: (x, net, classes, options) =>
          residualNetwork(x, net, classes, {
            names: torchvisionNames,
            stem: imagenetStem,
            blocks: row.blocks,
            ...variation(options),
            start: 'he',
          }),
      },
    },
    ...(row.published !== undefined && { published: row.published }),
  };
}

const cifarSize = { channels: 3, height: 32, width: 32, classes: 100 };

/** The article's bottleneck, which groups the first 1x1 convolution as well. */
const articleBranch: Branch = (width, stride) => {
  const channels = 32 * ((4 * width) / 64);
  return [
    { kernel: 1, channels, groups: 32 },
    { kernel: 3, channels, stride, groups: 32 },
    { kernel: 1, channels: 4 * width },
  ];
};

function cifar(row: Row & { articleBlocks?: readonly number[] }): NetworkDescription {
  const { name, blocks, articleBlocks = blocks, published } = row;
  const plan = { names: cifarNames, stem: cifarStem('conv1') };
  return {
    name,
    year: 2016,
    paper,
    forms: {
      cifar: {
        ...cifarSize,
        options: optionsOf(row),
        build: (x, net, classes, options) =>
          residualNetwork(x, net, classes, { ...plan, blocks, ...variation(options) }),
        deviations: ['The stem is one 3x3 convolution with stride 1 and no pool, for pictures of 32x32.'],
      },
      article: {
        ...cifarSize,
        build: (x, net, classes) =>
          residualNetwork(x, net, classes, { ...plan, blocks: articleBlocks, branch: articleBranch }),
        deviations: [
          'The stem is one 3x3 convolution with stride 1 and no pool.',
          'The first 1x1 convolution is grouped, too; the paper groups the 3x3 alone. A path then sees 1/32 of the ' +
            "block's input, and the three forms that the article calls equal are not.",
          'The number of classes is fixed at 100 in the printed code; here it follows the data.',
          ...(articleBlocks === blocks
            ? []
            : [`Its stages have ${articleBlocks.join(', ')} blocks; ResNet-152 has ${blocks.join(', ')}.`]),
        ],
      },
    },
    ...(published !== undefined && { published }),
  };
}

const of32x4d = { cardinality: 32, width: 4 };
const [fifty, hundredOne] = [
  [3, 4, 6, 3],
  [3, 4, 23, 3],
];

export default {
  name: 'ResNeXt',
  networks: [
    imagenet({
      name: 'resnext50_32x4d',
      blocks: fifty,
      ...of32x4d,
      published: [centreCropAccuracy('torchvision', 77.618, 93.698)],
    }),
    imagenet({
      name: 'resnext101_32x4d',
      blocks: hundredOne,
      ...of32x4d,
      published: [centreCropAccuracy('timm (gluon_resnext101_32x4d)', 80.336, 94.908)],
    }),
    imagenet({
      name: 'resnext101_32x8d',
      blocks: hundredOne,
      cardinality: 32,
      width: 8,
      published: [centreCropAccuracy('torchvision', 79.312, 94.526)],
    }),
    imagenet({
      name: 'resnext101_64x4d',
      blocks: hundredOne,
      cardinality: 64,
      width: 4,
      published: [
        {
          ...centreCropAccuracy('torchvision', 83.246, 96.454),
          protocol: 'one model, centre crop 224 of 232',
        },
      ],
    }),
    cifar({
      name: 'resnext50',
      blocks: fifty,
      ...of32x4d,
      published: [cifar100Result('article', 22.23, 6.0)],
    }),
    cifar({
      name: 'resnext101',
      blocks: hundredOne,
      ...of32x4d,
      published: [cifar100Result('article', 22.22, 5.99)],
    }),
    cifar({
      name: 'resnext152',
      blocks: [3, 8, 36, 3],
      articleBlocks: [3, 4, 36, 3],
      ...of32x4d,
      published: [cifar100Result('article', 22.4, 5.58)],
    }),
  ],
} satisfies Family;
