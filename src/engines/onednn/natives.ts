// Native objects of one program: primitive descriptors, primitives, memories; made through the dialect of the
// library's version and destroyed together. Every primitive takes its scratchpad from the program's arena.

import { rowMajorStrides } from '../../graph/tensor.ts';
import {
  check,
  created,
  type Dialect,
  type Layout,
  type LayoutQuery,
  type LayoutTag,
  type PostOperation,
  type PrimitiveDescriptor,
  type RequestKind,
  type Requests,
  type StorageType,
  shared,
} from './abi.ts';
import { openV2 } from './abi-v2.ts';
import { openV3 } from './abi-v3.ts';
import type { Library } from './library.ts';

export interface Natives {
  readonly library: Library;
  readonly normalizationGradientTakesShift: boolean;
  plainLayout(dims: readonly number[], type: StorageType): Layout;
  anyLayout(dims: readonly number[], type: StorageType): Layout;
  /** The layout that `like` is for its sizes, for other sizes of the same rank; row-major if it is none of the usual. */
  layoutLike(like: Layout, dims: readonly number[]): Layout;
  /** A box inside another layout; undefined where blocks would be cut. */
  sublayout(parent: Layout, dims: readonly number[], offsets: readonly number[]): Layout | undefined;
  sameLayout(a: Layout, b: Layout): boolean;
  /** Undefined where the library has no implementation for the request. */
  describe<K extends RequestKind>(
    kind: K,
    request: Requests[K],
    postOperations?: readonly PostOperation[],
  ): PrimitiveDescriptor | undefined;
  primitive(descriptor: PrimitiveDescriptor): bigint;
  memory(layout: Layout, address: bigint): bigint;
  /** The call that runs a primitive: (primitive, argument table, number of arguments). */
  execute(primitive: bigint, table: BigUint64Array, what: string): void;
  dispose(): void;
}

/** The engine and stream of the process: one each, made on first use, never destroyed. */
let process: { library: Library; engine: bigint; stream: bigint } | undefined;

function open(library: Library): { engine: bigint; stream: bigint } {
  if (process?.library === library) return process;
  const cpu = 1;
  const forever = (): void => {};
  const { call } = library;
  const engine = created(
    (out) => call('dnnl_engine_create', 'i(piz)')(out, cpu, 0),
    'engine_create',
    forever,
    call('dnnl_engine_destroy', 'i(p)'),
  );
  const inOrder = 1;
  const stream = created(
    (out) => call('dnnl_stream_create', 'i(ppu)')(out, engine, inOrder),
    'stream_create',
    forever,
    call('dnnl_stream_destroy', 'i(p)'),
  );
  process = { library, engine, stream };
  return process;
}

export function createNatives(library: Library): Natives {
  const { engine, stream } = open(library);
  const { call } = library;
  const disposers: (() => void)[] = [];
  const own = (destroy: () => void): void => {
    disposers.push(destroy);
  };
  const dialect: Dialect = (library.major === 2 ? openV2 : openV3)(library, engine, own);
  const attributesCache = new Map<string, bigint>();

  const attributesFor = (operations: readonly PostOperation[]): bigint => {
    const key = JSON.stringify(operations);
    const known = attributesCache.get(key);
    if (known !== undefined) return known;
    const attributes = created(
      (out) => call('dnnl_primitive_attr_create', 'i(p)')(out),
      'primitive_attr_create',
      own,
      call('dnnl_primitive_attr_destroy', 'i(p)'),
    );
    const userScratchpad = 1;
    const setMode = call('dnnl_primitive_attr_set_scratchpad_mode', 'i(pi)');
    check(setMode(attributes, userScratchpad), 'set_scratchpad_mode');
    if (operations.length > 0) {
      const list = created(
        (out) => call('dnnl_post_ops_create', 'i(p)')(out),
        'post_ops_create',
        own,
        call('dnnl_post_ops_destroy', 'i(p)'),
      );
      for (const operation of operations) dialect.postOperations(list, operation);
      check(call('dnnl_primitive_attr_set_post_ops', 'i(pp)')(attributes, list), 'set_post_ops');
    }
    attributesCache.set(key, attributes);
    return attributes;
  };

  const wrap = (
    handle: bigint,
    hint: bigint | null,
    again: () => bigint | undefined,
  ): PrimitiveDescriptor => {
    const name = new BigUint64Array(1);
    check(
      call('dnnl_primitive_desc_query', 'i(piip)')(handle, shared.queries.implementation, 0, name),
      'query of the implementation',
    );
    const scratchpad = dialect.queryLayout(handle, shared.queries.scratchpad, 0);
    const implementation = library.string(name[0] as bigint);
    return {
      handle,
      implementation,
      scratchpadBytes: scratchpad?.bytes ?? 0,
      layout: (query: LayoutQuery, index = 0) => dialect.queryLayout(handle, shared.queries[query], index),
      alternatives: () =>
        dialect
          .alternatives(handle, hint, again)
          .map((other) => wrap(other, hint, again))
          // Once a primitive exists, 2.x lists its descriptor twice: from its cache, and in its place.
          .filter((other) => other.implementation !== implementation),
    };
  };

  const run = call('dnnl_primitive_execute', 'i(ppip)');
  return {
    library,
    normalizationGradientTakesShift: dialect.normalizationGradientTakesShift,
    plainLayout: (dims, type) => dialect.layoutByStrides(dims, type, rowMajorStrides(dims)),
    anyLayout: (dims, type) => dialect.layoutByTag(dims, type, 'any'),
    layoutLike(like, dims) {
      const tags: readonly LayoutTag[] = like.dims.length === 4 ? ['nChw8c', 'nChw16c', 'nhwc'] : [];
      const tag = tags.find((name) =>
        dialect.sameLayout(dialect.layoutByTag(like.dims, like.type, name), like),
      );
      return tag === undefined
        ? dialect.layoutByStrides(dims, like.type, rowMajorStrides(dims))
        : dialect.layoutByTag(dims, like.type, tag);
    },
    sublayout: dialect.sublayout,
    sameLayout: dialect.sameLayout,
    describe(kind, request, postOperations = []) {
      const again = () => dialect.describe(kind, request, attributesFor(postOperations));
      const handle = again();
      const { hint } = request as { hint?: PrimitiveDescriptor };
      return handle === undefined ? undefined : wrap(handle, hint?.handle ?? null, again);
    },
    primitive: (descriptor) =>
      created(
        (out) => call('dnnl_primitive_create', 'i(pp)')(out, descriptor.handle),
        'primitive_create',
        own,
        call('dnnl_primitive_destroy', 'i(p)'),
      ),
    memory: (layout, address) =>
      created(
        (out) => call('dnnl_memory_create', 'i(pppp)')(out, layout.handle, engine, address),
        'memory_create',
        own,
        call('dnnl_memory_destroy', 'i(p)'),
      ),
    execute(primitive, table, what) {
      check(run(primitive, stream, table.length / 2, table), what);
    },
    dispose() {
      for (const destroy of disposers.reverse()) destroy();
      disposers.length = 0;
    },
  };
}

/** A `dnnl_exec_arg_t` array: pairs of argument number (with padding) and memory handle. */
export function argumentTable(pairs: readonly (readonly [number: number, memory: bigint])[]): BigUint64Array {
  return BigUint64Array.from(pairs.flatMap(([number, memory]) => [BigInt(number), memory]));
}
