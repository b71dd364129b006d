// oneDNN 3.x (written against 3.7): memory descriptors are opaque handles, one call makes a primitive
// descriptor, and source and destination layouts are given apart. Several enum values moved since 2.x
// without a change of name, the reason why each version has its own table.
import {
  algorithmOf,
  argument,
  check,
  type Dialect,
  dimsArray,
  type Layout,
  type LayoutTag,
  type NormalizationFlags,
  type OpenDialect,
  propagationOf,
  type RequestKind,
  type Requests,
  shared,
  typeName,
} from './abi.ts';
import type { Pointer } from './library.ts';

const eltwise = { relu: 32, tanh: 33, logistic: 41, linear: 38 };
const tags = {
  ...{ any: 1, nhwc: 22, nChw8c: 102, nChw16c: 78 },
  ...{ OIhw16i16o: 79, Ohwi16o: 211, OIhw16o16i: 75 },
} satisfies Record<LayoutTag, number>;
const flagValues = { globalStatistics: 1, scale: 2, shift: 4, relu: 8 };
const layoutQueries = { ndims: 256, dims: 257, type: 258 };

function normalizationFlags(flags: NormalizationFlags): number {
  return (
    flagValues.scale |
    flagValues.shift |
    (flags.globalStatistics ? flagValues.globalStatistics : 0) |
    (flags.relu ? flagValues.relu : 0)
  );
}

export const openV3: OpenDialect = (library, engine, own): Dialect => {
  const { call } = library;

  /** Wraps a handle that this program owns. */
  const owned = (handle: bigint): Layout => {
    own(() => call('dnnl_memory_desc_destroy', 'i(p)')(handle));
    const query = call('dnnl_memory_desc_query', 'i(pip)');
    const int = new Int32Array(1);
    check(query(handle, layoutQueries.ndims, int), 'memory_desc_query');
    const ndims = int[0] as number;
    check(query(handle, layoutQueries.type, int), 'memory_desc_query');
    const type = typeName(int[0] as number);
    const address = new BigUint64Array(1);
    check(query(handle, layoutQueries.dims, address), 'memory_desc_query');
    const raw = library.view(address[0] as bigint, 8 * ndims).slice();
    const dims = Array.from(new BigInt64Array(raw.buffer), Number);
    return { handle, dims, type, bytes: Number(call('dnnl_memory_desc_get_size', 'z(p)')(handle)) };
  };

  const made = (out: BigUint64Array, status: number, what: string): Layout => {
    check(status, what);
    return owned(out[0] as bigint);
  };

  const handleArray = (layouts: readonly Layout[]): BigUint64Array =>
    BigUint64Array.from(layouts, (layout) => layout.handle as bigint);

  /** Makes a primitive descriptor; letters of `signature` type the values between the engine and the attributes. */
  const create = (
    name: string,
    signature: string,
    values: (Pointer | number)[],
    attributes: Pointer,
  ): bigint | undefined => {
    const out = new BigUint64Array(1);
    const make = call(`dnnl_${name}_primitive_desc_create`, `i(pp${signature}p)`);
    const status = make(out, engine, ...values, attributes);
    if (status === shared.status.unimplemented) return undefined;
    check(status, `${name}_primitive_desc_create`);
    const handle = out[0] as bigint;
    own(() => call('dnnl_primitive_desc_destroy', 'i(p)')(handle));
    return handle;
  };

  const geometry = (r: Requests['convolutionForward']): Pointer[] => [
    dimsArray(r.strides),
    dimsArray(r.dilates),
    dimsArray(r.padLeft),
    dimsArray(r.padRight),
  ];
  const poolingGeometry = (r: Requests['poolingForward'] | Requests['poolingBackward']): Pointer[] => [
    dimsArray(r.strides),
    dimsArray(r.kernel),
    dimsArray(r.dilates),
    dimsArray(r.padLeft),
    dimsArray(r.padRight),
  ];

  const { propagation } = shared;
  const recipes: { [K in RequestKind]: (r: Requests[K], attributes: Pointer) => bigint | undefined } = {
    convolutionForward: (r, attributes) =>
      create(
        'convolution_forward',
        'iipppppppp',
        [
          propagationOf(r),
          algorithmOf(r),
          r.src.handle,
          r.weights.handle,
          r.bias?.handle ?? null,
          r.dst.handle,
          ...geometry(r),
        ],
        attributes,
      ),
    convolutionBackwardData: (r, attributes) =>
      create(
        'convolution_backward_data',
        'ipppppppp',
        [algorithmOf(r), r.src.handle, r.weights.handle, r.dst.handle, ...geometry(r), r.hint.handle],
        attributes,
      ),
    convolutionBackwardWeights: (r, attributes) =>
      create(
        'convolution_backward_weights',
        'ippppppppp',
        [
          algorithmOf(r),
          r.src.handle,
          r.weights.handle,
          r.bias?.handle ?? null,
          r.dst.handle,
          ...geometry(r),
          r.hint.handle,
        ],
        attributes,
      ),
    productForward: (r, attributes) =>
      create(
        'inner_product_forward',
        'ipppp',
        [propagation.training, r.src.handle, r.weights.handle, r.bias?.handle ?? null, r.dst.handle],
        attributes,
      ),
    productBackwardData: (r, attributes) =>
      create(
        'inner_product_backward_data',
        'pppp',
        [r.src.handle, r.weights.handle, r.dst.handle, r.hint.handle],
        attributes,
      ),
    productBackwardWeights: (r, attributes) =>
      create(
        'inner_product_backward_weights',
        'ppppp',
        [r.src.handle, r.weights.handle, r.bias?.handle ?? null, r.dst.handle, r.hint.handle],
        attributes,
      ),
    matrixProduct: (r, attributes) =>
      create(
        'matmul',
        'pppp',
        [r.src.handle, r.weights.handle, r.bias?.handle ?? null, r.dst.handle],
        attributes,
      ),
    poolingForward: (r, attributes) =>
      create(
        'pooling_forward',
        'iippppppp',
        [
          r.training ? propagation.training : propagation.inference,
          shared.pooling[r.algorithm],
          r.src.handle,
          r.dst.handle,
          ...poolingGeometry(r),
        ],
        attributes,
      ),
    poolingBackward: (r, attributes) =>
      create(
        'pooling_backward',
        'ipppppppp',
        [shared.pooling[r.algorithm], r.src.handle, r.dst.handle, ...poolingGeometry(r), r.hint.handle],
        attributes,
      ),
    normalizationForward: (r, attributes) =>
      create(
        'batch_normalization_forward',
        'ippfu',
        [
          r.training ? propagation.training : propagation.inference,
          r.src.handle,
          r.src.handle,
          r.epsilon,
          normalizationFlags(r.flags),
        ],
        attributes,
      ),
    normalizationBackward: (r, attributes) =>
      create(
        'batch_normalization_backward',
        'ipppfup',
        [
          propagation.backward,
          r.diff.handle,
          r.diff.handle,
          r.src.handle,
          r.epsilon,
          normalizationFlags(r.flags),
          r.hint.handle,
        ],
        attributes,
      ),
    lrnForward: (r, attributes) =>
      create(
        'lrn_forward',
        'iipplfff',
        [
          r.training ? propagation.training : propagation.inference,
          shared.lrnAcrossChannels,
          r.src.handle,
          r.dst.handle,
          r.size,
          r.alpha,
          r.beta,
          r.k,
        ],
        attributes,
      ),
    lrnBackward: (r, attributes) =>
      create(
        'lrn_backward',
        'ippplfffp',
        [
          shared.lrnAcrossChannels,
          r.src.handle,
          r.dst.handle,
          r.data.handle,
          r.size,
          r.alpha,
          r.beta,
          r.k,
          r.hint.handle,
        ],
        attributes,
      ),
    eltwiseForward: (r, attributes) =>
      create(
        'eltwise_forward',
        'iippff',
        [propagation.training, eltwise[r.algorithm], r.src.handle, r.src.handle, r.alpha ?? 0, 0],
        attributes,
      ),
    eltwiseBackward: (r, attributes) =>
      create(
        'eltwise_backward',
        'ipppffp',
        [shared.eltwiseUseDst[r.algorithm], r.diff.handle, r.diff.handle, r.data.handle, 0, 0, r.hint.handle],
        attributes,
      ),
    binary: (r, attributes) =>
      create(
        'binary',
        'ippp',
        [shared.binary[r.algorithm], r.a.handle, r.b.handle, r.dst.handle],
        attributes,
      ),
    sum: (r, attributes) =>
      create(
        'sum',
        'pipp',
        [r.dst.handle, r.sources.length, Float32Array.from(r.scales), handleArray(r.sources)],
        attributes,
      ),
    concat: (r, attributes) =>
      create(
        'concat',
        'piip',
        [r.dst?.handle ?? null, r.sources.length, r.axis, handleArray(r.sources)],
        attributes,
      ),
    reorder: (r, attributes) => {
      const out = new BigUint64Array(1);
      const make = call('dnnl_reorder_primitive_desc_create', 'i(pppppp)');
      const status = make(out, r.src.handle, engine, r.dst.handle, engine, attributes);
      if (status === shared.status.unimplemented) return undefined;
      check(status, 'reorder_primitive_desc_create');
      const handle = out[0] as bigint;
      own(() => call('dnnl_primitive_desc_destroy', 'i(p)')(handle));
      return handle;
    },
  };

  return {
    normalizationGradientTakesShift: false,
    layoutByStrides(dims, type, strides) {
      const out = new BigUint64Array(1);
      const make = call('dnnl_memory_desc_create_with_strides', 'i(pipip)');
      const status = make(out, dims.length, dimsArray(dims), shared.types[type], dimsArray(strides));
      return made(out, status, 'memory_desc_create_with_strides');
    },
    layoutByTag(dims, type, tag) {
      const out = new BigUint64Array(1);
      const make = call('dnnl_memory_desc_create_with_tag', 'i(pipii)');
      const status = make(out, dims.length, dimsArray(dims), shared.types[type], tags[tag]);
      return made(out, status, 'memory_desc_create_with_tag');
    },
    sublayout(parent, dims, start) {
      const out = new BigUint64Array(1);
      const make = call('dnnl_memory_desc_create_submemory', 'i(pppp)');
      const status = make(out, parent.handle, dimsArray(dims), dimsArray(start));
      return status === shared.status.success ? owned(out[0] as bigint) : undefined;
    },
    queryLayout(descriptor, query, index) {
      const borrowed = BigInt(call('dnnl_primitive_desc_query_md', 'p(pii)')(descriptor, query, index) ?? 0);
      if (borrowed === 0n || call('dnnl_memory_desc_get_size', 'z(p)')(borrowed) === 0) return undefined;
      const out = new BigUint64Array(1);
      return made(out, call('dnnl_memory_desc_clone', 'i(pp)')(out, borrowed), 'memory_desc_clone');
    },
    sameLayout: (a, b) => call('dnnl_memory_desc_equal', 'i(pp)')(a.handle, b.handle) === 1,
    describe: (kind, request, attributes) => recipes[kind](request, attributes),
    alternatives(_descriptor, _hint, again) {
      // Only a descriptor fresh from its request can move on to the next implementation; clones of it cannot.
      const moving = again();
      const found: bigint[] = [];
      if (moving === undefined) return found;
      while (call('dnnl_primitive_desc_next_impl', 'i(p)')(moving) === shared.status.success) {
        const out = new BigUint64Array(1);
        check(call('dnnl_primitive_desc_clone', 'i(pp)')(out, moving), 'primitive_desc_clone');
        const handle = out[0] as bigint;
        own(() => call('dnnl_primitive_desc_destroy', 'i(p)')(handle));
        found.push(handle);
      }
      return found;
    },
    postOperations(list, operation) {
      if (operation.kind === 'relu') {
        check(call('dnnl_post_ops_append_eltwise', 'i(piff)')(list, eltwise.relu, 0, 0), 'post-op relu');
      } else if (operation.kind === 'add') {
        const append = call('dnnl_post_ops_append_binary', 'i(pip)');
        check(append(list, shared.binary.add, operation.layout.handle), 'post-op add');
      } else {
        const { scale, type } = operation;
        const append = call('dnnl_post_ops_append_sum', 'i(pfii)');
        check(append(list, scale, 0, type === undefined ? 0 : shared.types[type]), 'post-op sum');
      }
    },
    postOperandBase: 32768,
    scalesAreArguments: true,
    setScaling(attributes, kind, { src, dst, channels, grouped = false }) {
      const set = call('dnnl_primitive_attr_set_scales_mask', 'i(pii)');
      const say = (number: number, axes: number): void =>
        check(set(attributes, number, axes), 'set_scales_mask');
      const channelAxes = grouped ? 0b11 : 0b01;
      if (src !== undefined) say(argument.src, 0);
      if (channels !== undefined) say(kind === 'reorder' ? argument.dst : argument.weights, channelAxes);
      if (dst !== undefined) say(argument.dst, 0);
    },
  };
};
