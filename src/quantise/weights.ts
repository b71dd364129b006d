// Weights as whole numbers, with a scale for each output channel: the one with the least squared error among a few, from
// that which just holds the channel's largest weight down to half of it.
import { roundHalfEven } from '../graph/ops/quantize.ts';
import { weightRange } from '../graph/rewrite/quantise.ts';
import type { CodedWeights } from '../weights/quantised-file.ts';

const shares = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5] as const;

/** `shape`: output channels first. */
export function codeWeights(weights: Float32Array, shape: readonly number[]): CodedWeights {
  const channels = shape[0] as number;
  const size = weights.length / channels;
  const codes = new Int8Array(weights.length);
  const scales = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const own = weights.subarray(channel * size, (channel + 1) * size);
    const scale = bestScale(own);
    scales[channel] = scale;
    for (let i = 0; i < size; i++) codes[channel * size + i] = codeOf(own[i] as number, scale);
  }
  return { shape, codes, scales };
}

function codeOf(weight: number, scale: number): number {
  return Math.min(weightRange.high, Math.max(weightRange.low, roundHalfEven(weight / scale)));
}

function bestScale(weights: Float32Array): number {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  if (!Number.isFinite(largest)) throw new Error('Weights to be quantised are not finite.');
  // A channel of zeros is exact with any scale.
  if (largest === 0) return 1;
  let best = 1;
  let least = Number.POSITIVE_INFINITY;
  for (const share of shares) {
    const scale = Math.fround((share * largest) / weightRange.high);
    let error = 0;
    for (const weight of weights) error += (weight - scale * codeOf(weight, scale)) ** 2;
    if (error < least) [best, least] = [scale, error];
  }
  return best;
}
