// What the engine needs of oneDNN, without the difference between its major versions: layouts (memory
// descriptors), primitive descriptors, primitives and memories. `abi-v2.ts` and `abi-v3.ts` hold everything
// that differs (enum values, struct sizes, argument orders); nothing else may know the version.
import type { Library, NativeFunction, Pointer } from './library.ts';

/** What numbers that are computed with lie in. */
export type FloatType = 'f32' | 'bf16';

export type StorageType = FloatType | 's32' | 'u8' | 's8';

/** A memory descriptor: logical sizes plus where each element lies. */
export interface Layout {
  readonly handle: Pointer;
  readonly dims: readonly number[];
  readonly type: StorageType;
  readonly bytes: number;
}

export type PostOperation =
  | { readonly kind: 'relu' }
  /** Adds `scale` times what the destination held before, as numbers of `type` (default: the destination's own). */
  | { readonly kind: 'sum'; readonly scale: number; readonly type?: StorageType }
  /** Adds a tensor of the result's sizes, or of 1 along axes, which is an argument of its own (`postOperandBase`). */
  | { readonly kind: 'add'; readonly layout: Layout };

/**
 * What whole numbers stand for: a number is its code times a scale. `channels`: one scale for each output channel, of a
 * layer's weights or, when reordering, of the result, whose first axis (with `grouped` the first two) are channels.
 */
export interface Scaling {
  readonly src?: number;
  readonly dst?: number;
  readonly channels?: Float32Array;
  readonly grouped?: boolean;
}

export interface WindowGeometry {
  readonly strides: readonly number[];
  /** As the library counts: 0 is dense. */
  readonly dilates: readonly number[];
  readonly padLeft: readonly number[];
  readonly padRight: readonly number[];
}

/** `linear` multiplies by `alpha`, for which the others have no use. */
export type EltwiseAlgorithm = 'relu' | 'tanh' | 'logistic' | 'linear';
export type ActivationAlgorithm = Exclude<EltwiseAlgorithm, 'linear'>;
export type PoolingAlgorithm = 'max' | 'averageIncludingPadding' | 'averageExcludingPadding';

export type ConvolutionAlgorithm = 'direct' | 'winograd';

export interface NormalizationFlags {
  readonly globalStatistics?: boolean;
  readonly relu?: boolean;
}

type Convolution = WindowGeometry & {
  src: Layout;
  weights: Layout;
  bias?: Layout | undefined;
  dst: Layout;
  /** Default direct. */
  algorithm?: ConvolutionAlgorithm | undefined;
  /** Forward only: the filters never change, and the primitive may want them transformed beforehand. */
  fixed?: boolean;
};
type Product = { src: Layout; weights: Layout; bias?: Layout | undefined; dst: Layout };
type Pooling = WindowGeometry & {
  algorithm: PoolingAlgorithm;
  kernel: readonly number[];
  src: Layout;
  dst: Layout;
};
type Lrn = { src: Layout; dst: Layout; size: number; alpha: number; beta: number; k: number };
type Hint = { hint: PrimitiveDescriptor };

/** Requests by name; `src` and `dst` of backward requests are the layouts of the gradients. */
export interface Requests {
  convolutionForward: Convolution;
  convolutionBackwardData: Convolution & Hint;
  convolutionBackwardWeights: Convolution & Hint;
  productForward: Product;
  productBackwardData: Product & Hint;
  productBackwardWeights: Product & Hint;
  /** Matrices: `src` MxK, `weights` KxN, `bias` 1xN, `dst` MxN. */
  matrixProduct: Product;
  poolingForward: Pooling & { training: boolean };
  poolingBackward: Pooling & Hint;
  normalizationForward: { src: Layout; epsilon: number; training: boolean; flags: NormalizationFlags };
  normalizationBackward: { src: Layout; diff: Layout; epsilon: number; flags: NormalizationFlags } & Hint;
  lrnForward: Lrn & { training: boolean };
  lrnBackward: Lrn & { data: Layout } & Hint;
  eltwiseForward: { algorithm: EltwiseAlgorithm; src: Layout; alpha?: number };
  eltwiseBackward: { algorithm: ActivationAlgorithm; data: Layout; diff: Layout } & Hint;
  binary: { algorithm: 'add' | 'multiply'; a: Layout; b: Layout; dst: Layout };
  sum: { scales: readonly number[]; sources: readonly Layout[]; dst: Layout };
  concat: { axis: number; sources: readonly Layout[]; dst: Layout | null };
  reorder: { src: Layout; dst: Layout };
}
export type RequestKind = keyof Requests;

export type LayoutQuery = 'src' | 'diffSrc' | 'weights' | 'diffWeights' | 'dst' | 'diffDst' | 'workspace';

export interface PrimitiveDescriptor {
  readonly handle: bigint;
  readonly implementation: string;
  readonly scratchpadBytes: number;
  /** The layout that the primitive wants for an argument; undefined if it has none. */
  layout(query: LayoutQuery, index?: number): Layout | undefined;
  /** What else the library offers for the same request, in its order of preference; none for sum, concat and reorder. */
  alternatives(): PrimitiveDescriptor[];
}

/** The layouts of filters in blocks: of 16 inputs times 16 outputs, of outputs alone, and as gradients read them. */
export type FilterTag = 'OIhw16i16o' | 'Ohwi16o' | 'OIhw16o16i';

/** `any` leaves the choice to the primitive; then the layouts of pictures that primitives choose, and those of filters. */
export type LayoutTag = 'any' | 'nhwc' | 'nChw8c' | 'nChw16c' | FilterTag;

/** One version's way to say all this. Native objects are registered with `own`, to be destroyed together. */
export interface Dialect {
  /** Whether the gradient of batch norm counts a shift among its inputs, on which it does not depend. */
  readonly normalizationGradientTakesShift: boolean;
  layoutByStrides(dims: readonly number[], type: StorageType, strides: readonly number[]): Layout;
  layoutByTag(dims: readonly number[], type: StorageType, tag: LayoutTag): Layout;
  sublayout(parent: Layout, dims: readonly number[], offsets: readonly number[]): Layout | undefined;
  queryLayout(descriptor: bigint, query: number, index: number): Layout | undefined;
  sameLayout(a: Layout, b: Layout): boolean;
  /** A primitive descriptor, or undefined where the library has no implementation. */
  describe<K extends RequestKind>(kind: K, request: Requests[K], attributes: Pointer): bigint | undefined;
  /**
   * The primitive descriptors that come after one for the same request. `hint` as in the request; `again` makes the
   * same descriptor once more.
   */
  alternatives(descriptor: bigint, hint: bigint | null, again: () => bigint | undefined): bigint[];
  postOperations(list: Pointer, operation: PostOperation): void;
  /** The tensor that the i-th operation behind (from 0) adds is argument (i + 1) times this, plus `src1`. */
  readonly postOperandBase: number;
  /**
   * Whether scales are arguments of each execution, and biases and sums are in real units; else scales belong to the
   * attributes, and biases and sums are in units of what they are added to.
   */
  readonly scalesAreArguments: boolean;
  setScaling(attributes: Pointer, kind: RequestKind, scaling: Scaling): void;
}

export type Own = (destroy: () => void) => void;

/** Values that both versions share. */
export const shared = {
  queries: {
    src: 129,
    diffSrc: 130,
    weights: 131,
    diffWeights: 132,
    dst: 133,
    diffDst: 134,
    workspace: 135,
    scratchpad: 136,
    implementation: 8,
  },
  types: { bf16: 2, f32: 3, s32: 4, s8: 5, u8: 6 } satisfies Record<StorageType, number>,
  propagation: { training: 64, inference: 96, backward: 128, backwardData: 160, backwardWeights: 192 },
  convolution: { direct: 1, winograd: 2 } satisfies Record<ConvolutionAlgorithm, number>,
  pooling: { max: 511, averageIncludingPadding: 767, averageExcludingPadding: 1023 },
  lrnAcrossChannels: 2815,
  binary: { add: 131056, multiply: 131057 },
  /** Backward variants that take the output instead of the input. */
  eltwiseUseDst: { relu: 256, tanh: 257, logistic: 260 },
  status: { success: 0, unimplemented: 3 },
} as const;

export function algorithmOf({ algorithm = 'direct' }: Convolution): number {
  return shared.convolution[algorithm];
}

/** Only a convolution for inference has a layout of its own for filters that Winograd's algorithm has transformed. */
export function propagationOf({ fixed = false }: Convolution): number {
  return fixed ? shared.propagation.inference : shared.propagation.training;
}

/** Argument numbers of `execute`, the same in both versions. */
export const argument = {
  src: 1,
  src1: 2,
  dst: 17,
  weights: 33,
  bias: 41,
  mean: 49,
  variance: 50,
  scale: 51,
  shift: 52,
  workspace: 64,
  scratchpad: 80,
  diffSrc: 129,
  diffDst: 145,
  diffWeights: 161,
  diffBias: 169,
  diffScale: 255,
  diffShift: 256,
  multipleSources: 1024,
  /** Added to the number of an argument: its scales (3.x). */
  scalesOf: 4096,
} as const;

export const elementBytes: Record<StorageType, number> = { f32: 4, bf16: 2, s32: 4, u8: 1, s8: 1 };

export function typeName(code: number): StorageType {
  for (const [name, value] of Object.entries(shared.types)) if (value === code) return name as StorageType;
  throw new Error(`oneDNN gave a data type of number ${code}, which Laurel does not use.`);
}

/** A `dnnl_dims_t`: twelve 64-bit integers. */
export function dimsArray(values: readonly number[]): BigInt64Array {
  const array = new BigInt64Array(12);
  values.forEach((value, i) => {
    array[i] = BigInt(value);
  });
  return array;
}

const statusNames = [
  'success',
  'out of memory',
  'invalid arguments',
  'unimplemented',
  'no more implementations',
  'runtime error',
  'not required',
];

/** Raises what the library reports; a status is never ignored. */
export function check(status: number, what: string): void {
  if (status === shared.status.success) return;
  throw new Error(`oneDNN: ${what} gave '${statusNames[status] ?? `status ${status}`}'.`);
}

/** Calls a function whose first parameter is where it writes a handle. */
export function created(
  make: (out: BigUint64Array) => number,
  what: string,
  own: Own,
  destroy: NativeFunction,
): bigint {
  const out = new BigUint64Array(1);
  check(make(out), what);
  const handle = out[0] as bigint;
  own(() => {
    destroy(handle);
  });
  return handle;
}

export type OpenDialect = (library: Library, engine: bigint, own: Own) => Dialect;
