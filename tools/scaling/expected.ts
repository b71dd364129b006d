// What scaling to expect of three networks: their gradients and their arithmetic, on nodes and networks as one buys them.
// A node is taken to sustain 4 TFLOP/s in training (about what 32 cores with AMX reach in bf16), with 64 pictures of
// 224x224 in its part of the batch; a message takes 30 microseconds.
import { efficiency, type Network, type Work } from '../../src/distribute/scaling-model.ts';
import { costOf } from '../../src/graph/cost.ts';
import { findNetwork } from '../../src/nets/index.ts';
import { buildNetwork } from '../../src/nets/network.ts';

export const flopsOfNode = 4e12;
export const picturesOfNode = 64;
export const alphaSeconds = 30e-6;
export const gigabits = [1, 10, 25, 100] as const;
export const nodeCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
export const names = ['alexnet', 'vgg16', 'resnet50'] as const;

export interface Expected extends Work {
  readonly parameters: number;
}

/** Bytes and seconds of a step: forward, and twice that backward, two operations for a multiply-add; f32 on the wire. */
export function workOf(name: string): Expected {
  const { parameters, macs } = costOf(buildNetwork(findNetwork(name)).graph);
  const stepSeconds = (3 * 2 * macs * picturesOfNode) / flopsOfNode;
  return { name, parameters, bytes: 4 * parameters, stepSeconds };
}

export function networkOf(gigabitsPerSecond: number): Network {
  return { alphaSeconds, betaBytesPerSecond: (gigabitsPerSecond * 1e9) / 8 };
}

/** Percent of perfect scaling. */
export function percentAt(work: Work, nodes: number, gigabitsPerSecond: number): number {
  return 100 * efficiency(work, nodes, networkOf(gigabitsPerSecond));
}
