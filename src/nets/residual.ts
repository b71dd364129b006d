// The one builder of the residual families (ResNet, ResNeXt, SE-ResNet, SE-ResNeXt, SENet-154):
//   y = relu(F(x) + shortcut(x))          He et al. 2015, equation 1
// A plan lists what differs between them: the convolutions of a branch F as a row of the paper's table, the
// blocks per stage, the shortcut, the gate, and what the weights are called in the checkpoints that exist.
import type { Initial, Value } from '../graph/graph.ts';
import { add, flatten, relu, shortcutA } from '../graph/ops/index.ts';
import type { Layers } from './layers.ts';
import { type Gate, gated } from './squeeze-excitation.ts';

/** A convolution with its batch norm; padding keeps the size but for the stride. */
export interface Convolution {
  readonly kernel: number;
  readonly channels: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default 1. */
  readonly groups?: number;
}

/** The convolutions of a residual branch in the stage of this base width (64, 128, 256, 512). */
export type Branch = (width: number, stride: number) => readonly Convolution[];

/**
 * What leads past the branch where the shape changes (He et al. 2015, section 4.1): `A` the picture thinned out,
 * with zeros as the channels that are missing; `B` a projection; `C` a projection in every block. `none`: nothing
 * does, which makes the plain network of section 3.3.
 */
export type Shortcut = 'A' | 'B' | 'C' | 'none';

/** What checkpoints call the parts of a network. */
export interface Names {
  readonly stages: readonly string[];
  /** The sequence that holds a branch (0, 1, 3, 4, ...); absent: conv1, bn1, conv2, ... stand in the block. */
  readonly branch?: string;
  /** The sequence that holds a projection and its batch norm. */
  readonly shortcut: string;
  readonly pool: string;
  readonly classifier: string;
}

export interface ResidualPlan {
  readonly names: Names;
  /** What comes before the first stage. */
  readonly stem: (x: Value, net: Layers) => Value;
  /** Blocks in each stage. */
  readonly blocks: readonly number[];
  /** Base width of each stage; default 64, 128, 256, 512. */
  readonly widths?: readonly number[];
  readonly branch: Branch;
  /** How a branch is put together; default one convolution after another. */
  readonly assemble?: (x: Value, net: Layers, branch: readonly Convolution[], plan: ResidualPlan) => Value;
  /** Default B. */
  readonly shortcut?: Shortcut;
  /** Kernel of the projections that reduce the size; default 1. */
  readonly reducingKernel?: 1 | 3;
  readonly gate?: Gate;
  /** ReLU after the last batch norm of a branch, too; default false. */
  readonly rectifiedBranch?: boolean;
  /** Convolutions with bias; default false. */
  readonly bias?: boolean;
  /** Start of the filters: `he` (He et al. 2015b), or PyTorch's default. */
  readonly start?: 'he';
  /** Rate of the dropout before the classifier; default none. */
  readonly dropout?: number;
}

/** The names of torchvision's residual networks. */
export const torchvisionNames: Names = {
  stages: ['layer1', 'layer2', 'layer3', 'layer4'],
  shortcut: 'downsample',
  pool: 'avgpool',
  classifier: 'fc',
};

/** Two 3x3 convolutions (He et al. 2015, figure 5, left). */
export const basic: Branch = (width, stride) => [
  { kernel: 3, channels: width, stride },
  { kernel: 3, channels: width },
];

/** 1x1, 3x3, 1x1 (figure 5, right), the last four times as wide; `inner` is the width of the first two. */
export function bottleneck(
  options: { stride?: '1x1' | '3x3'; inner?: (width: number) => number; groups?: number } = {},
): Branch {
  const { stride: reducing = '3x3', inner = (width) => width, groups = 1 } = options;
  return (width, stride) => [
    { kernel: 1, channels: inner(width), stride: reducing === '1x1' ? stride : 1 },
    { kernel: 3, channels: inner(width), stride: reducing === '3x3' ? stride : 1, groups },
    { kernel: 1, channels: 4 * width },
  ];
}

/** N(0, 2 / n), n = the inputs that one input of the layer reaches: He et al. 2015b, equation 14, as torchvision. */
export function heInitial(kernel: number, channels: number): Initial {
  return { kind: 'normal', deviation: Math.sqrt(2 / (kernel * kernel * channels)) };
}

/** The stem for 224x224 pictures: conv 7x7/2 with 64 channels, max pool 3x3/2. */
export function imagenetStem(x: Value, net: Layers): Value {
  const options = { stride: 2, padding: 3, bias: false, weightInitial: heInitial(7, 64) };
  const h = relu(net.batchNorm(net.conv(x, 'conv1', 64, 7, options), 'bn1'));
  return net.maxPool(h, 'maxpool', 3, { stride: 2, padding: 1 });
}

/** The stem for 32x32 pictures: conv 3x3 with 64 channels, no pool, in a sequence of this name. */
export function cifarStem(name: string, options: { bias?: boolean } = {}): ResidualPlan['stem'] {
  const { bias = false } = options;
  return (x, net) =>
    net.module(name, () => relu(net.batchNorm(net.conv(x, '0', 64, 3, { padding: 1, bias }), '1')));
}

/** `x`: NxCxHxW; gives the logits, Nx`classes`. */
export function residualNetwork(x: Value, net: Layers, classes: number, plan: ResidualPlan): Value {
  const { names, blocks, widths = [64, 128, 256, 512] } = plan;
  let h = plan.stem(x, net);
  for (const [stage, count] of blocks.entries()) {
    h = net.module(names.stages[stage] as string, () => {
      let inside = h;
      for (let i = 0; i < count; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        inside = net.module(`${i}`, () => block(inside, net, widths[stage] as number, stride, plan));
      }
      return inside;
    });
  }
  h = flatten(net.globalAveragePool(h, names.pool));
  if (plan.dropout !== undefined) h = net.dropout(h, 'dropout', plan.dropout);
  return net.linear(h, names.classifier, classes);
}

function block(x: Value, net: Layers, width: number, stride: number, plan: ResidualPlan): Value {
  const { gate, assemble = sequence } = plan;
  const placed = gate?.placement;
  const excite = (h: Value): Value => gated(h, net, gate as Gate);
  const branch = plan.branch(width, stride);
  const inside = assemble(placed === 'pre' ? excite(x) : x, net, branch, plan);
  const past = shortcut(x, net, (branch.at(-1) as Convolution).channels, stride, plan);
  const ahead = placed === 'standard' ? excite(inside) : inside;
  const y = relu(past === undefined ? ahead : add(ahead, placed === 'identity' ? excite(past) : past));
  return placed === 'post' ? excite(y) : y;
}

/** Conv and batch norm, rectified but for the last. */
function sequence(x: Value, net: Layers, branch: readonly Convolution[], plan: ResidualPlan): Value {
  const { branch: name } = plan.names;
  const first3x3 = branch.findIndex(({ kernel }) => kernel === 3);
  const build = (): Value => {
    let h = x;
    for (const [i, convolution] of branch.entries()) {
      const names = name === undefined ? [`conv${i + 1}`, `bn${i + 1}`] : [`${3 * i}`, `${3 * i + 1}`];
      h = convNorm(h, net, names as [string, string], convolution, plan);
      if (plan.gate?.placement === '3x3' && i === first3x3) h = gated(h, net, plan.gate);
      if (i < branch.length - 1 || plan.rectifiedBranch) h = relu(h);
    }
    return h;
  };
  return name === undefined ? build() : net.module(name, build);
}

/** Undefined in a plain network. */
function shortcut(
  x: Value,
  net: Layers,
  channels: number,
  stride: number,
  plan: ResidualPlan,
): Value | undefined {
  const { shortcut: option = 'B', reducingKernel = 1, names } = plan;
  if (option === 'none') return undefined;
  if (option !== 'C' && stride === 1 && x.shape[1] === channels) return x;
  if (option === 'A') return shortcutA(x, channels, stride);
  const kernel = stride === 1 ? 1 : reducingKernel;
  return net.module(names.shortcut, () => convNorm(x, net, ['0', '1'], { kernel, channels, stride }, plan));
}

/** A convolution of the plan's kind. */
export function conv(
  x: Value,
  net: Layers,
  name: string,
  { kernel, channels, stride = 1, groups = 1 }: Convolution,
  { bias = false, start }: Pick<ResidualPlan, 'bias' | 'start'>,
): Value {
  const weightInitial = start === 'he' ? heInitial(kernel, channels) : undefined;
  const padding = (kernel - 1) / 2;
  return net.conv(x, name, channels, kernel, { stride, padding, groups, bias, weightInitial });
}

/** A convolution of the plan's kind and its batch norm, not rectified. */
export function convNorm(
  x: Value,
  net: Layers,
  [name, norm]: readonly [string, string],
  convolution: Convolution,
  plan: Pick<ResidualPlan, 'bias' | 'start'>,
): Value {
  return net.batchNorm(conv(x, net, name, convolution, plan), norm);
}
