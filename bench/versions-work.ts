// What bench/versions.ts measures: one convolution of each kind that the zoo has, with the place that it is from, and
// whole steps of two networks.

export interface ConvolutionShape {
  /** kernel, channels, size: what a table calls it. */
  readonly name: string;
  readonly of: string;
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly side: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
}

export const directions = ['forward', 'data', 'weights'] as const;
export type Direction = (typeof directions)[number];

const square = (
  of: string,
  [inputs, outputs, side]: readonly [number, number, number],
  kernel: number,
  more: Partial<ConvolutionShape> = {},
): ConvolutionShape => {
  const { stride = 1, groups = 1, batch = 16 } = more;
  const kind = [`${kernel}x${kernel}`, stride > 1 && `/${stride}`, groups > 1 && ` in ${groups} groups`];
  return {
    name: `${kind.filter(Boolean).join('')}, ${inputs} to ${outputs} at ${side}`,
    padding: (kernel - 1) / 2,
    ...{ of, batch, inputs, outputs, side, kernel },
    ...more,
  };
};

export const convolutions: readonly ConvolutionShape[] = [
  square('resnet50, stem', [3, 64, 224], 7, { stride: 2 }),
  square('resnet50, stage 1', [64, 64, 56], 3),
  square('resnet50, stage 1', [64, 256, 56], 1),
  square('resnet50, stage 2', [128, 128, 56], 3, { stride: 2 }),
  square('resnet50, stage 3', [256, 256, 14], 3),
  square('resnet50, stage 3', [1024, 256, 14], 1),
  square('resnet50, shortcut', [512, 1024, 28], 1, { stride: 2 }),
  square('resnet50, stage 4', [512, 512, 7], 3),
  square('resnext50, stage 1', [128, 128, 56], 3, { groups: 32 }),
  square('resnext50, stage 3', [512, 512, 14], 3, { groups: 32 }),
  square('vgg16, second', [64, 64, 224], 3, { batch: 4 }),
  square('alexnet_owt, first', [3, 64, 224], 11, { stride: 4, padding: 2 }),
  square('alexnet_owt, second', [64, 192, 27], 5),
  square('googlenet, 4e', [32, 128, 14], 5),
  square('resnet18 at 32x32, batch 128', [64, 64, 32], 3, { batch: 128 }),
];

export interface Whole {
  readonly name: string;
  readonly net: string;
  readonly form: 'imagenet' | 'cifar';
  readonly batch: number;
  readonly what: 'train' | 'infer';
}

export const wholes: readonly Whole[] = [
  { name: 'train-resnet18', net: 'resnet18', form: 'cifar', batch: 128, what: 'train' },
  { name: 'infer-resnet18', net: 'resnet18', form: 'imagenet', batch: 16, what: 'infer' },
  { name: 'train-resnet50', net: 'resnet50', form: 'imagenet', batch: 16, what: 'train' },
  { name: 'infer-resnet50', net: 'resnet50', form: 'imagenet', batch: 16, what: 'infer' },
];
