// Quantised weights as a safetensors file: for each quantised layer `NAME.weight` as whole numbers (I8) and
// `NAME.weight_scale`, one for each output channel; biases and all other weights in f32; and the scales of the values
// between layers, `NAME.input_scale` and `NAME.residual_scale`, named after the layer that reads them first. The
// metadata say how they came about (`quantization`), beside what every weights file of Laurel says.

import { UserError } from '../errors.ts';
import type { QuantisationScales } from '../graph/rewrite/quantise.ts';
import type { WritableTensor } from './safetensors.ts';
import { lazyTensor, shapeText, type Tensor, type TensorFile } from './tensor-file.ts';
import { BadFile } from './weights-file.ts';

/** The key in the metadata. */
export const quantisationKey = 'quantization';

const weightScale = '.weight_scale';
const siteScale = '_scale';

/** The codes of a layer's weights, output channels first. */
export interface CodedWeights {
  readonly shape: readonly number[];
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/** The tensors of a file. `layers`: by name without `.weight`; `others`: what stays in full precision. */
export function encodeQuantised(
  layers: ReadonlyMap<string, CodedWeights>,
  others: ReadonlyMap<string, Tensor>,
  sites: ReadonlyMap<string, number>,
): Map<string, WritableTensor> {
  const tensors = new Map<string, WritableTensor>();
  for (const [name, { shape, codes, scales }] of layers) {
    tensors.set(`${name}.weight`, { shape, data: codes });
    tensors.set(`${name}${weightScale}`, { shape: [scales.length], data: scales });
  }
  for (const [name, tensor] of others) tensors.set(name, tensor);
  for (const [name, scale] of sites)
    tensors.set(`${name}${siteScale}`, { shape: [1], data: Float32Array.of(scale) });
  return tensors;
}

export interface DecodedFile {
  /** The weights as numbers again, and nothing else. */
  readonly file: TensorFile;
  readonly scales: QuantisationScales;
}

/** The weights and scales of a quantised file; undefined for any other. Throws a UserError where it contradicts itself. */
export function decodeQuantised(file: TensorFile, path: string): DecodedFile | undefined {
  if (file.metadata[quantisationKey] === undefined) return undefined;
  try {
    return decode(file);
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    throw new UserError(`Cannot read ${path} as quantised weights: ${error.message}`, { cause: error });
  }
}

function decode(file: TensorFile): DecodedFile {
  const weights = new Map<string, Float32Array>();
  const sites = new Map<string, number>();
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of file.tensors) {
    if (name.endsWith(weightScale))
      weights.set(name.slice(0, -weightScale.length), positive(name, tensor.data));
    else if (name.endsWith(siteScale)) {
      const [scale] = positive(name, tensor.data);
      if (tensor.data.length !== 1)
        throw new BadFile(`"${name}" has ${tensor.data.length} numbers, expected 1.`);
      sites.set(name.slice(0, -siteScale.length), scale as number);
    } else tensors.set(name, tensor);
  }
  for (const [layer, scales] of weights) {
    const name = `${layer}.weight`;
    const coded = tensors.get(name);
    if (coded === undefined) throw new BadFile(`"${layer}${weightScale}" has no "${name}" beside it.`);
    if (scales.length !== coded.shape[0]) {
      throw new BadFile(`"${name}" is ${shapeText(coded.shape)} and has ${scales.length} scales.`);
    }
    tensors.set(
      name,
      lazyTensor(coded.shape, () => numbersOf(coded.data, scales)),
    );
  }
  return { file: { ...file, tensors }, scales: { weights, sites } };
}

function positive(name: string, data: Float32Array): Float32Array {
  const wrong = data.find((scale) => !(scale > 0 && Number.isFinite(scale)));
  if (wrong === undefined && data.length > 0) return data;
  throw new BadFile(`"${name}" holds ${wrong ?? 'nothing'}, expected positive numbers.`);
}

/** Codes times their channel's scale. */
export function numbersOf(codes: ArrayLike<number>, scales: Float32Array): Float32Array {
  const numbers = new Float32Array(codes.length);
  const block = codes.length / scales.length;
  for (const [channel, scale] of scales.entries()) {
    for (let i = channel * block; i < (channel + 1) * block; i++) numbers[i] = (codes[i] as number) * scale;
  }
  return numbers;
}
