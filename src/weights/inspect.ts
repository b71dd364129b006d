// What a weights file holds, without a network: every tensor's name, shape, stored type and range.
import { statSync } from 'node:fs';
import { readWeights, type WeightsFormat, weightsFormat } from './read.ts';
import type { StoredType } from './storage.ts';

export interface TensorSummary {
  readonly name: string;
  readonly shape: readonly number[];
  /** The type in the file. */
  readonly dtype: StoredType;
  readonly elements: number;
  /** Of the finite elements; null where there is none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** Elements that are infinite or no number. */
  readonly nonFinite: number;
}

export interface WeightsSummary {
  readonly file: string;
  readonly format: WeightsFormat;
  /** Bytes of the file. */
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Elements of all tensors. */
  readonly elements: number;
  readonly tensors: readonly TensorSummary[];
}

/** Reads a weights file whole and summarises it. Throws a UserError when it cannot be read. */
export function inspectWeights(path: string): WeightsSummary {
  const format = weightsFormat(path);
  const { tensors, metadata, storedTypes } = readWeights(path);
  const summaries = [...tensors].map(([name, { shape, data }]) => ({
    name,
    shape,
    dtype: storedTypes?.get(name) ?? 'f32',
    elements: data.length,
    ...statistics(data),
  }));
  const elements = summaries.reduce((sum, each) => sum + each.elements, 0);
  return { file: path, format, bytes: statSync(path).size, metadata, elements, tensors: summaries };
}

function statistics(data: Float32Array): Pick<TensorSummary, 'min' | 'max' | 'mean' | 'nonFinite'> {
  let [min, max, sum, finite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    finite++;
  }
  const nonFinite = data.length - finite;
  if (finite === 0) return { min: null, max: null, mean: null, nonFinite };
  return { min, max, mean: sum / finite, nonFinite };
}
