// SENet: Hu, Shen, Albanie, Sun, Wu, "Squeeze-and-Excitation Networks", TPAMI 2020 (CVPR 2018, arXiv 1709.01507),
// table 1: ResNet and ResNeXt with a gate on every residual branch, and SENet-154 (section 6.4 and the appendix).
// Weight names: timm's legacy ones (imagenet), github weiaicunzai/pytorch-cifar100's (cifar, article).
//
// The bottleneck's stride stands in its 3x3 convolution, as in the other families; the published weights of
// seresnet50, 101 and 152 have it in the first 1x1, where the paper has it: `--set stride=1x1`.
import type { Value } from '../../graph/graph.ts';
import { relu } from '../../graph/ops/index.ts';
import type { Layers } from '../layers.ts';
import type { Family, FormDescription, NetworkDescription, OptionValues } from '../network.ts';
import { centreCropAccuracy, cifar100Result } from '../published.ts';
import {
  type Branch,
  basic,
  bottleneck,
  cifarStem,
  convNorm,
  type Names,
  type ResidualPlan,
  residualNetwork,
} from '../residual.ts';
import { type Reducing, strideOption } from '../residual-options.ts';
import { type GateNames, gateOf, gateOptions } from '../squeeze-excitation.ts';
import { innerWidth } from './resnext.ts';

const paper = 'Hu et al., Squeeze-and-Excitation Networks, TPAMI 2020 (CVPR 2018)';

const timmNames: Names = {
  stages: ['layer1', 'layer2', 'layer3', 'layer4'],
  shortcut: 'downsample',
  pool: 'avg_pool',
  classifier: 'last_linear',
};
const timmGate: GateNames = { module: 'se_module', reduce: 'fc1', expand: 'fc2', layers: '1x1' };

const cifarNames: Names = {
  stages: ['stage1', 'stage2', 'stage3', 'stage4'],
  branch: 'residual',
  shortcut: 'shortcut',
  pool: 'avg_pool',
  classifier: 'linear',
};
const cifarGate: GateNames = { module: 'excitation', reduce: '0', expand: '2', layers: 'linear' };

/** `layer0` and `pool0`, whose pool rounds up instead of padding, as Caffe's weights need. */
function stem(convolutions: readonly { kernel: number; channels: number; stride?: number }[]) {
  return (x: Value, net: Layers): Value => {
    const h = net.module('layer0', () => {
      let inside = x;
      for (const [i, convolution] of convolutions.entries()) {
        const names = [`conv${i + 1}`, `bn${i + 1}`] as const;
        inside = relu(convNorm(inside, net, names, convolution, { start: 'he' }));
      }
      return inside;
    });
    return net.maxPool(h, 'pool0', 3, { stride: 2, ceil: true });
  };
}

const oneConvolution = stem([{ kernel: 7, channels: 64, stride: 2 }]);
const threeConvolutions = stem([
  { kernel: 3, channels: 64, stride: 2 },
  { kernel: 3, channels: 64 },
  { kernel: 3, channels: 128 },
]);

/** SENet-154's: half of the usual channels in the first 1x1, twice as many in the 3x3, in 64 groups. */
const senet154Branch: Branch = (width, stride) => [
  { kernel: 1, channels: 2 * width },
  { kernel: 3, channels: 4 * width, stride, groups: 64 },
  { kernel: 1, channels: 4 * width },
];

const rectifiedOption = {
  description:
    'an additional ReLU at the end of the branch, before the squeeze, as published weights have it',
  default: true,
};
const rectifiedDeviation =
  'A ReLU stands at the end of the residual branch, before the squeeze; the paper squeezes what the last batch norm ' +
  'gives.';

interface ImagenetRow {
  readonly name: string;
  readonly blocks: readonly number[];
  readonly place?: string;
  readonly options?: FormDescription['options'];
  readonly deviations?: readonly string[];
  readonly published?: NetworkDescription['published'];
  /** What differs from SE-ResNet: the branch, and SENet-154's stem, projections and dropout. */
  readonly plan: (options: OptionValues) => Pick<ResidualPlan, 'branch'> & Partial<ResidualPlan>;
}

function imagenetForm({ blocks, options, deviations, plan }: ImagenetRow): FormDescription {
  return {
    channels: 3,
    height: 224,
    width: 224,
    classes: 1000,
    options: { ...gateOptions, ...options },
    build: (x, net, classes, values) =>
      residualNetwork(x, net, classes, {
        names: timmNames,
        stem: oneConvolution,
        blocks,
        gate: gateOf(timmGate, values),
        start: 'he',
        ...plan(values),
      }),
    ...(deviations !== undefined && { deviations }),
  };
}

function senet(row: ImagenetRow, others: NetworkDescription['forms'] = {}): NetworkDescription {
  const { name, place, published } = row;
  return {
    name,
    year: 2017,
    paper,
    ...(place !== undefined && { place }),
    forms: { imagenet: imagenetForm(row), ...others },
    ...(published !== undefined && { published }),
  };
}

/** The 32x32 network, with stage 4 this wide. */
function cifarForm(branch: (stride: Reducing) => Branch, blocks: readonly number[], stage4: number) {
  return (x: Value, net: Layers, classes: number, options: OptionValues): Value =>
    residualNetwork(x, net, classes, {
      names: cifarNames,
      stem: cifarStem('pre', { bias: true }),
      blocks,
      widths: [64, 128, 256, stage4],
      branch: branch((options.stride ?? '3x3') as Reducing),
      gate: gateOf(cifarGate, options),
      rectifiedBranch: options.reluBeforeSqueeze as boolean,
      bias: true,
    });
}

const cifarDeviations = [
  'The stem is one 3x3 convolution with stride 1 and no pool, for pictures of 32x32.',
  rectifiedDeviation,
  'The convolutions before batch norms have a bias, which the batch norm takes away again.',
];
const strideDeviation =
  "The stride of a bottleneck stands in its 3x3 convolution; the paper's place is the first 1x1.";

function seresnet(
  layers: number,
  block: 'basic' | 'bottleneck',
  blocks: readonly number[],
  published: NetworkDescription['published'],
): NetworkDescription {
  const branch = (stride: Reducing) => (block === 'basic' ? basic : bottleneck({ stride }));
  const stride: FormDescription['options'] = block === 'basic' ? {} : { stride: strideOption };
  const row: ImagenetRow = {
    name: `seresnet${layers}`,
    blocks,
    options: block === 'basic' ? { reluBeforeSqueeze: rectifiedOption } : stride,
    deviations:
      block === 'basic'
        ? [`${rectifiedDeviation} timm's weights were trained so (option reluBeforeSqueeze).`]
        : [`${strideDeviation} The published weights have it there, too (option stride).`],
    plan: (options) => ({
      branch: branch(options.stride as Reducing),
      rectifiedBranch: block === 'basic' && (options.reluBeforeSqueeze as boolean),
    }),
    ...(published !== undefined && { published }),
  };
  const size = { channels: 3, height: 32, width: 32, classes: 100 };
  const strides = block === 'basic' ? [] : [strideDeviation];
  const printed = { placement: 'standard', reduction: 16, squeeze: 'average', reluBeforeSqueeze: true };
  const article = cifarForm(branch, blocks, 516);
  return senet(row, {
    cifar: {
      ...size,
      options: { ...gateOptions, ...stride, reluBeforeSqueeze: rectifiedOption },
      build: cifarForm(branch, blocks, 512),
      deviations: [...cifarDeviations, ...strides],
    },
    article: {
      ...size,
      build: (x, net, classes) => article(x, net, classes, printed),
      deviations: [
        ...cifarDeviations,
        'Stage 4 has a base width of 516 channels; the paper has 512.',
        ...strides,
      ],
    },
  });
}

function seresnext(layers: number, blocks: readonly number[], published: NetworkDescription['published']) {
  return senet({
    name: `seresnext${layers}_32x4d`,
    blocks,
    options: {
      cardinality: { description: 'paths of a block', default: 32 },
      width: {
        description: 'channels of a path in the first stage; doubled from stage to stage',
        default: 4,
      },
    },
    plan: ({ cardinality, width }) => ({
      branch: bottleneck({
        inner: innerWidth(cardinality as number, width as number),
        groups: cardinality as number,
      }),
    }),
    ...(published !== undefined && { published }),
  });
}

/** The authors' weights, measured by timm. */
const legacy = (name: string, top1: number, top5: number, options?: OptionValues) =>
  centreCropAccuracy(`timm (legacy_${name})`, top1, top5, options);
const paperStride = { stride: '1x1' };

export default {
  name: 'SENet',
  networks: [
    seresnet(18, 'basic', [2, 2, 2, 2], [cifar100Result('article', 23.56, 6.68)]),
    seresnet(34, 'basic', [3, 4, 6, 3], [cifar100Result('article', 22.07, 6.12)]),
    seresnet(
      50,
      'bottleneck',
      [3, 4, 6, 3],
      [legacy('seresnet50', 77.65, 93.732, paperStride), cifar100Result('article', 21.42, 5.58)],
    ),
    seresnet(
      101,
      'bottleneck',
      [3, 4, 23, 3],
      [legacy('seresnet101', 78.37, 94.264, paperStride), cifar100Result('article', 20.98, 5.41)],
    ),
    seresnet(
      152,
      'bottleneck',
      [3, 8, 36, 3],
      [legacy('seresnet152', 78.662, 94.37, paperStride), cifar100Result('article', 20.66, 5.19)],
    ),
    seresnext(50, [3, 4, 6, 3], [legacy('seresnext50_32x4d', 79.08, 94.428)]),
    seresnext(101, [3, 4, 23, 3], [legacy('seresnext101_32x4d', 80.274, 95.032)]),
    senet({
      name: 'senet154',
      blocks: [3, 8, 36, 3],
      place: 'winner of ILSVRC 2017 (in an ensemble)',
      plan: () => ({
        stem: threeConvolutions,
        branch: senet154Branch,
        reducingKernel: 3,
        dropout: 0.2,
      }),
      published: [legacy('senet154', 81.32, 95.502)],
    }),
  ],
} satisfies Family;
