// oneDNN 2.x (written against 2.6): memory descriptors are structs that the caller allocates, and a primitive
// descriptor is made in two steps, an operation struct and then the descriptor. Structs are byte arrays here;
// their sizes and the few offsets that are read were printed by a C program from the library's headers.
import {
  algorithmOf,
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

const layoutBytes = 696;
const offsets = { ndims: 0, dims: 8, type: 104 };
const structBytes = {
  convolution: 5976,
  product: 5584,
  matrixProduct: 2800,
  pooling: 3288,
  normalization: 3496,
  lrn: 1432,
  eltwise: 1416,
  binary: 2096,
};
const eltwise = { relu: 31, tanh: 47, logistic: 175, linear: 127 };
const tags = {
  ...{ any: 1, nhwc: 20, nChw8c: 93, nChw16c: 69 },
  ...{ OIhw16i16o: 70, Ohwi16o: 202, OIhw16o16i: 66 },
} satisfies Record<LayoutTag, number>;
/** `dnnl_query_op_d`. */
const operationQuery = 65;
const flagValues = { globalStatistics: 1, relu: 4, scale: 8, shift: 16 };

function normalizationFlags(flags: NormalizationFlags): number {
  return (
    flagValues.scale |
    flagValues.shift |
    (flags.globalStatistics ? flagValues.globalStatistics : 0) |
    (flags.relu ? flagValues.relu : 0)
  );
}

export const openV2: OpenDialect = (library, engine, own): Dialect => {
  const { call } = library;
  const size = call('dnnl_memory_desc_get_size', 'z(p)');

  const layoutOf = (handle: Uint8Array): Layout => {
    const view = new DataView(handle.buffer, handle.byteOffset, layoutBytes);
    const ndims = view.getInt32(offsets.ndims, true);
    const dims = Array.from({ length: ndims }, (_, i) =>
      Number(view.getBigInt64(offsets.dims + 8 * i, true)),
    );
    return { handle, dims, type: typeName(view.getInt32(offsets.type, true)), bytes: Number(size(handle)) };
  };

  /** Several layouts side by side, as concat and sum take them. */
  const layoutArray = (layouts: readonly Layout[]): Uint8Array => {
    const array = new Uint8Array(layoutBytes * layouts.length);
    for (const [i, layout] of layouts.entries()) array.set(layout.handle as Uint8Array, layoutBytes * i);
    return array;
  };

  const operation = (name: string, bytes: number, signature: string, values: (Pointer | number)[]) => {
    const struct = new Uint8Array(bytes);
    const status = call(name, `i(p${signature})`)(struct, ...values);
    if (status === shared.status.unimplemented) return undefined;
    check(status, name);
    return struct;
  };

  const fromOperation = (
    struct: Uint8Array | undefined,
    attributes: Pointer,
    hint: bigint | null,
  ): bigint | undefined => {
    if (struct === undefined) return undefined;
    const out = new BigUint64Array(1);
    const status = call('dnnl_primitive_desc_create', 'i(ppppp)')(out, struct, attributes, engine, hint);
    return finish(status, out, 'dnnl_primitive_desc_create');
  };

  const finish = (status: number, out: BigUint64Array, what: string): bigint | undefined => {
    if (status === shared.status.unimplemented) return undefined;
    check(status, what);
    const handle = out[0] as bigint;
    own(() => call('dnnl_primitive_desc_destroy', 'i(p)')(handle));
    return handle;
  };

  const convolution = (
    name: string,
    leading: number[],
    [first, weights, bias, last]: (Layout | undefined)[],
    r: Requests['convolutionForward'],
    hasBias: boolean,
  ) =>
    operation(
      `dnnl_dilated_convolution_${name}_desc_init`,
      structBytes.convolution,
      `${'i'.repeat(leading.length)}${hasBias ? 'pppp' : 'ppp'}pppp`,
      [
        ...leading,
        first?.handle ?? null,
        weights?.handle ?? null,
        ...(hasBias ? [bias?.handle ?? null] : []),
        last?.handle ?? null,
        dimsArray(r.strides),
        dimsArray(r.dilates),
        dimsArray(r.padLeft),
        dimsArray(r.padRight),
      ],
    );

  const pooling = (
    name: string,
    leading: number[],
    r: Requests['poolingBackward'] | Requests['poolingForward'],
  ) =>
    operation(
      `dnnl_pooling_v2_${name}_desc_init`,
      structBytes.pooling,
      `${'i'.repeat(leading.length)}ppppppp`,
      [
        ...leading,
        r.src.handle,
        r.dst.handle,
        dimsArray(r.strides),
        dimsArray(r.kernel),
        dimsArray(r.dilates),
        dimsArray(r.padLeft),
        dimsArray(r.padRight),
      ],
    );

  const { propagation } = shared;
  const recipes: { [K in RequestKind]: (r: Requests[K], attributes: Pointer) => bigint | undefined } = {
    convolutionForward: (r, attributes) =>
      fromOperation(
        convolution(
          'forward',
          [propagationOf(r), algorithmOf(r)],
          [r.src, r.weights, r.bias, r.dst],
          r,
          true,
        ),
        attributes,
        null,
      ),
    convolutionBackwardData: (r, attributes) =>
      fromOperation(
        convolution('backward_data', [algorithmOf(r)], [r.src, r.weights, undefined, r.dst], r, false),
        attributes,
        r.hint.handle,
      ),
    convolutionBackwardWeights: (r, attributes) =>
      fromOperation(
        convolution('backward_weights', [algorithmOf(r)], [r.src, r.weights, r.bias, r.dst], r, true),
        attributes,
        r.hint.handle,
      ),
    productForward: (r, attributes) =>
      fromOperation(
        operation('dnnl_inner_product_forward_desc_init', structBytes.product, 'ipppp', [
          propagation.training,
          r.src.handle,
          r.weights.handle,
          r.bias?.handle ?? null,
          r.dst.handle,
        ]),
        attributes,
        null,
      ),
    productBackwardData: (r, attributes) =>
      fromOperation(
        operation('dnnl_inner_product_backward_data_desc_init', structBytes.product, 'ppp', [
          r.src.handle,
          r.weights.handle,
          r.dst.handle,
        ]),
        attributes,
        r.hint.handle,
      ),
    productBackwardWeights: (r, attributes) =>
      fromOperation(
        operation('dnnl_inner_product_backward_weights_desc_init', structBytes.product, 'pppp', [
          r.src.handle,
          r.weights.handle,
          r.bias?.handle ?? null,
          r.dst.handle,
        ]),
        attributes,
        r.hint.handle,
      ),
    matrixProduct: (r, attributes) =>
      fromOperation(
        operation('dnnl_matmul_desc_init', structBytes.matrixProduct, 'pppp', [
          r.src.handle,
          r.weights.handle,
          r.bias?.handle ?? null,
          r.dst.handle,
        ]),
        attributes,
        null,
      ),
    poolingForward: (r, attributes) => {
      const direction = r.training ? propagation.training : propagation.inference;
      return fromOperation(pooling('forward', [direction, shared.pooling[r.algorithm]], r), attributes, null);
    },
    poolingBackward: (r, attributes) =>
      fromOperation(pooling('backward', [shared.pooling[r.algorithm]], r), attributes, r.hint.handle),
    normalizationForward: (r, attributes) =>
      fromOperation(
        operation('dnnl_batch_normalization_forward_desc_init', structBytes.normalization, 'ipfu', [
          r.training ? propagation.training : propagation.inference,
          r.src.handle,
          r.epsilon,
          normalizationFlags(r.flags),
        ]),
        attributes,
        null,
      ),
    normalizationBackward: (r, attributes) =>
      fromOperation(
        operation('dnnl_batch_normalization_backward_desc_init', structBytes.normalization, 'ippfu', [
          propagation.backward,
          r.diff.handle,
          r.src.handle,
          r.epsilon,
          normalizationFlags(r.flags),
        ]),
        attributes,
        r.hint.handle,
      ),
    lrnForward: (r, attributes) =>
      fromOperation(
        operation('dnnl_lrn_forward_desc_init', structBytes.lrn, 'iiplfff', [
          r.training ? propagation.training : propagation.inference,
          shared.lrnAcrossChannels,
          r.src.handle,
          r.size,
          r.alpha,
          r.beta,
          r.k,
        ]),
        attributes,
        null,
      ),
    lrnBackward: (r, attributes) =>
      fromOperation(
        operation('dnnl_lrn_backward_desc_init', structBytes.lrn, 'ipplfff', [
          shared.lrnAcrossChannels,
          r.src.handle,
          r.data.handle,
          r.size,
          r.alpha,
          r.beta,
          r.k,
        ]),
        attributes,
        r.hint.handle,
      ),
    eltwiseForward: (r, attributes) =>
      fromOperation(
        operation('dnnl_eltwise_forward_desc_init', structBytes.eltwise, 'iipff', [
          propagation.training,
          eltwise[r.algorithm],
          r.src.handle,
          r.alpha ?? 0,
          0,
        ]),
        attributes,
        null,
      ),
    eltwiseBackward: (r, attributes) =>
      fromOperation(
        operation('dnnl_eltwise_backward_desc_init', structBytes.eltwise, 'ippff', [
          shared.eltwiseUseDst[r.algorithm],
          r.diff.handle,
          r.data.handle,
          0,
          0,
        ]),
        attributes,
        r.hint.handle,
      ),
    binary: (r, attributes) =>
      fromOperation(
        operation('dnnl_binary_desc_init', structBytes.binary, 'ippp', [
          shared.binary[r.algorithm],
          r.a.handle,
          r.b.handle,
          r.dst.handle,
        ]),
        attributes,
        null,
      ),
    sum: (r, attributes) => {
      const out = new BigUint64Array(1);
      const scales = Float32Array.from(r.scales);
      const status = call('dnnl_sum_primitive_desc_create', 'i(ppipppp)')(
        out,
        r.dst.handle,
        r.sources.length,
        scales,
        layoutArray(r.sources),
        attributes,
        engine,
      );
      return finish(status, out, 'sum');
    },
    concat: (r, attributes) => {
      const out = new BigUint64Array(1);
      const status = call('dnnl_concat_primitive_desc_create', 'i(ppiippp)')(
        out,
        r.dst?.handle ?? null,
        r.sources.length,
        r.axis,
        layoutArray(r.sources),
        attributes,
        engine,
      );
      return finish(status, out, 'concat');
    },
    reorder: (r, attributes) => {
      const out = new BigUint64Array(1);
      const status = call('dnnl_reorder_primitive_desc_create', 'i(pppppp)')(
        out,
        r.src.handle,
        engine,
        r.dst.handle,
        engine,
        attributes,
      );
      return finish(status, out, 'reorder');
    },
  };

  return {
    normalizationGradientTakesShift: true,
    layoutByStrides(dims, type, strides) {
      const handle = new Uint8Array(layoutBytes);
      const init = call('dnnl_memory_desc_init_by_strides', 'i(pipip)');
      check(
        init(handle, dims.length, dimsArray(dims), shared.types[type], dimsArray(strides)),
        'memory_desc_init_by_strides',
      );
      return layoutOf(handle);
    },
    layoutByTag(dims, type, tag) {
      const handle = new Uint8Array(layoutBytes);
      const init = call('dnnl_memory_desc_init_by_tag', 'i(pipii)');
      check(
        init(handle, dims.length, dimsArray(dims), shared.types[type], tags[tag]),
        'memory_desc_init_by_tag',
      );
      return layoutOf(handle);
    },
    sublayout(parent, dims, start) {
      const handle = new Uint8Array(layoutBytes);
      const init = call('dnnl_memory_desc_init_submemory', 'i(pppp)');
      const status = init(handle, parent.handle, dimsArray(dims), dimsArray(start));
      return status === shared.status.success ? layoutOf(handle) : undefined;
    },
    queryLayout(descriptor, query, index) {
      const address = BigInt(call('dnnl_primitive_desc_query_md', 'p(pii)')(descriptor, query, index) ?? 0);
      if (address === 0n) return undefined;
      const handle = library.view(address, layoutBytes).slice();
      return new DataView(handle.buffer).getInt32(offsets.ndims, true) === 0 ? undefined : layoutOf(handle);
    },
    sameLayout: (a, b) => call('dnnl_memory_desc_equal', 'i(pp)')(a.handle, b.handle) === 1,
    describe: (kind, request, attributes) => recipes[kind](request, attributes),
    alternatives(descriptor, hint) {
      // The request is inside the descriptor, as it was made, with `any` where the layout was left open.
      const out = new BigUint64Array(1);
      const query = call('dnnl_primitive_desc_query', 'i(piip)');
      if (query(descriptor, operationQuery, 0, out) !== shared.status.success) return [];
      const request = out[0] as bigint;
      const attributes = new BigUint64Array(1);
      const getAttributes = call('dnnl_primitive_desc_get_attr', 'i(pp)');
      check(getAttributes(descriptor, attributes), 'primitive_desc_get_attr');
      const create = call('dnnl_primitive_desc_iterator_create', 'i(ppppp)');
      const status = create(out, request, attributes[0] as bigint, engine, hint);
      if (status !== shared.status.success) return [];
      const iterator = out[0] as bigint;
      const found: bigint[] = [];
      while (call('dnnl_primitive_desc_iterator_next', 'i(p)')(iterator) === shared.status.success) {
        const handle = BigInt(call('dnnl_primitive_desc_iterator_fetch', 'p(p)')(iterator) ?? 0);
        if (handle === 0n) break;
        own(() => call('dnnl_primitive_desc_destroy', 'i(p)')(handle));
        found.push(handle);
      }
      call('dnnl_primitive_desc_iterator_destroy', 'i(p)')(iterator);
      return found;
    },
    postOperations(list, operation) {
      if (operation.kind === 'relu') {
        check(call('dnnl_post_ops_append_eltwise', 'i(pfiff)')(list, 1, eltwise.relu, 0, 0), 'post-op relu');
      } else if (operation.kind === 'add') {
        const append = call('dnnl_post_ops_append_binary', 'i(pip)');
        check(append(list, shared.binary.add, operation.layout.handle), 'post-op add');
      } else {
        const { scale, type } = operation;
        const append = call('dnnl_post_ops_append_sum_v2', 'i(pfi)');
        check(append(list, scale, type === undefined ? 0 : shared.types[type]), 'post-op sum');
      }
    },
    postOperandBase: 16384,
    scalesAreArguments: false,
    setScaling(attributes, kind, { src = 1, dst = 1, channels, grouped = false }) {
      // One factor for each channel of the result: what the sum of products is multiplied with.
      const ofReorder = kind === 'reorder';
      const factors = Float32Array.from(channels ?? [1], (scale) =>
        ofReorder ? src / (dst * scale) : (src * scale) / dst,
      );
      const axes = ofReorder ? (grouped ? 0b11 : 0b01) : 0b10;
      const set = call('dnnl_primitive_attr_set_output_scales', 'i(plip)');
      check(set(attributes, factors.length, channels === undefined ? 0 : axes, factors), 'set_output_scales');
    },
  };
};
