// Native objects of one program: primitive descriptors, primitives, memories; made through the dialect of the
// library's version and destroyed together. Every primitive takes its scratchpad from the program's arena.
import { createHash } from 'node:crypto';
import { mapCode, unmap } from '../../foreign.ts';
import { rowMajorStrides } from '../../graph/tensor.ts';
import {
  argument,
  check,
  created,
  type Dialect,
  type FilterTag,
  type Layout,
  type LayoutQuery,
  type LayoutTag,
  type PostOperation,
  type PrimitiveDescriptor,
  type RequestKind,
  type Requests,
  type Scaling,
  type StorageType,
  shared,
} from './abi.ts';
import { openV2 } from './abi-v2.ts';
import { openV3 } from './abi-v3.ts';
import { openTeam, type Team } from './code/team.ts';
import { type Bf16Units, bf16Units, effectiveIsa, hasAvx512 } from './isa.ts';
import type { Library } from './library.ts';
import { createSeries, type NativeCall } from './series.ts';

export interface Natives {
  readonly library: Library;
  readonly normalizationGradientTakesShift: boolean;
  /** The argument number of the tensor that the i-th operation behind a primitive adds. */
  postOperand(i: number): number;
  /** See `Dialect`. */
  readonly scalesAreArguments: boolean;
  plainLayout(dims: readonly number[], type: StorageType): Layout;
  anyLayout(dims: readonly number[], type: StorageType): Layout;
  /** By the distance, in elements, between neighbours along each axis. */
  strided(dims: readonly number[], type: StorageType, strides: readonly number[]): Layout;
  /** Pictures in blocks of 8 or 16 channels. */
  blocked(dims: readonly number[], type: StorageType, block: 8 | 16): Layout;
  /** Pictures with their channels last. */
  channelsLast(dims: readonly number[], type: StorageType): Layout;
  /** Filters in f32 in blocks. */
  filters(dims: readonly number[], tag: FilterTag): Layout;
  /** The layout that `like` is for its sizes, for other sizes of the same rank; row-major if it is none of the usual. */
  layoutLike(like: Layout, dims: readonly number[]): Layout;
  /** Which of the usual layouts of pictures this is; undefined for all others. */
  pictureTag(layout: Layout): PictureTag | undefined;
  /** The same layout for elements of another type; undefined where it is none of the usual. */
  layoutOfType(like: Layout, type: StorageType): Layout | undefined;
  /** A box inside another layout; undefined where blocks would be cut. */
  sublayout(parent: Layout, dims: readonly number[], offsets: readonly number[]): Layout | undefined;
  sameLayout(a: Layout, b: Layout): boolean;
  /** Different for different layouts, as far as the library shows them: 3.x has them behind a handle. */
  layoutText(layout: Layout): string;
  /** Undefined where the library has no implementation for the request. */
  describe<K extends RequestKind>(
    kind: K,
    request: Requests[K],
    postOperations?: readonly PostOperation[],
    scaling?: Scaling,
  ): PrimitiveDescriptor | undefined;
  primitive(descriptor: PrimitiveDescriptor): bigint;
  memory(layout: Layout, address: bigint): bigint;
  /** Runs a primitive; `what` says in an error what failed. */
  execute(primitive: bigint, table: BigUint64Array, what: string): void;
  /** What multiplies bf16; where nothing does, the library emulates it. */
  readonly bf16Units: Bf16Units;
  /** The address of AVX-512 code that is made once for each `key`; undefined where none can run on OpenMP's threads. */
  code(key: string, make: (team: Team) => Uint8Array): bigint | undefined;
  /** The call that runs such code on all threads, over a table of addresses. */
  runCode(address: bigint, table: BigUint64Array): void;
  /** All of these one after another: in one call from JavaScript, where machine code of ours runs. */
  series(works: readonly NativeWork[]): () => void;
  dispose(): void;
}

/** A primitive, or code of ours, and what it works on. */
export type NativeWork =
  | {
      readonly kind: 'primitive';
      readonly primitive: bigint;
      readonly table: BigUint64Array;
      readonly what: string;
    }
  | { readonly kind: 'code'; readonly address: bigint; readonly table: BigUint64Array };

/** The layouts of pictures that primitives choose. */
export type PictureTag = 'nchw' | Exclude<LayoutTag, FilterTag | 'any'>;
const tags = ['nChw8c', 'nChw16c', 'nhwc'] as const;

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

  const attributesFor = (
    operations: readonly PostOperation[],
    kind: RequestKind,
    scaling: Scaling | undefined,
  ): bigint => {
    // What holds layouts or scales is made anew each time.
    const isPlain = scaling === undefined && operations.every((operation) => operation.kind !== 'add');
    const key = isPlain ? JSON.stringify(operations) : '';
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
    if (isPlain) attributesCache.set(key, attributes);
    if (scaling !== undefined) dialect.setScaling(attributes, kind, scaling);
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
    const asked = new Map<string, Layout | undefined>();
    const implementation = library.string(name[0] as bigint);
    return {
      handle,
      implementation,
      scratchpadBytes: scratchpad?.bytes ?? 0,
      layout: (query: LayoutQuery, index = 0) => {
        const key = `${query} ${index}`;
        if (!asked.has(key)) asked.set(key, dialect.queryLayout(handle, shared.queries[query], index));
        return asked.get(key);
      },
      alternatives: () =>
        dialect
          .alternatives(handle, hint, again)
          .map((other) => wrap(other, hint, again))
          // Once a primitive exists, 2.x lists its descriptor twice: from its cache, and in its place.
          .filter((other) => other.implementation !== implementation),
    };
  };

  const pictureTag = (layout: Layout): PictureTag | undefined => {
    const { dims, type } = layout;
    if (dims.length !== 4) return undefined;
    const plain = strided(dims, type, rowMajorStrides(dims));
    // Row-major last: a picture of one channel or of one pixel lies the same in several layouts.
    const tag = tags.find((name) => sameLayout(byTag(dims, type, name), layout));
    return tag ?? (sameLayout(plain, layout) ? 'nchw' : undefined);
  };

  // Networks repeat their blocks: what was asked for once is not asked for again.
  const layouts = new Map<string, Layout>();
  const descriptors = new Map<string, PrimitiveDescriptor | undefined>();
  const primitives = new Map<PrimitiveDescriptor, bigint>();
  const codes = new Map<string, bigint | undefined>();
  const team = hasAvx512(library) ? openTeam() : undefined;
  const strided = (dims: readonly number[], type: StorageType, strides: readonly number[]): Layout =>
    once(layouts, `${type} ${dims} ${strides}`, () => dialect.layoutByStrides(dims, type, strides));
  const byTag = (dims: readonly number[], type: StorageType, tag: LayoutTag): Layout =>
    once(layouts, `${type} ${dims} ${tag}`, () => dialect.layoutByTag(dims, type, tag));
  const sameLayout = (a: Layout, b: Layout): boolean => a === b || dialect.sameLayout(a, b);

  const numbers = new Map<object, number>();
  /** A request as text: numbers by value, layouts and descriptors by which they are. */
  const identity = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return `${value}`;
    if (Array.isArray(value)) return `[${value.map(identity)}]`;
    if ('handle' in value) return `#${once(numbers, value, () => numbers.size)}`;
    return `{${Object.entries(value).map(([name, part]) => `${name}:${identity(part)}`)}}`;
  };

  const run = call('dnnl_primitive_execute', 'i(ppip)');
  const runOne = (work: NativeWork): void => {
    if (work.kind === 'code') team?.run(work.address, work.table);
    else check(run(work.primitive, stream, work.table.length / 2, work.table), work.what);
  };
  const execute = library.symbol('dnnl_primitive_execute');
  const callOf = (work: NativeWork): NativeCall | undefined => {
    if (work.kind === 'code') {
      const { address, table } = work;
      // One thread needs no team, whose start alone takes a microsecond.
      if (library.threads(0) === 1) return { address, arguments: [table], hasStatus: false };
      return team && { address: team.start, arguments: [address, table, 0n, 0n], hasStatus: false };
    }
    if (execute === undefined) return undefined;
    const { primitive, table } = work;
    return {
      address: execute,
      arguments: [primitive, stream, BigInt(table.length / 2), table],
      hasStatus: true,
    };
  };
  return {
    library,
    normalizationGradientTakesShift: dialect.normalizationGradientTakesShift,
    bf16Units: bf16Units(effectiveIsa(library), library.major),
    postOperand: (i) => dialect.postOperandBase * (i + 1) + argument.src1,
    scalesAreArguments: dialect.scalesAreArguments,
    plainLayout: (dims, type) => strided(dims, type, rowMajorStrides(dims)),
    anyLayout: (dims, type) => byTag(dims, type, 'any'),
    strided,
    blocked: (dims, type, block) => byTag(dims, type, block === 8 ? 'nChw8c' : 'nChw16c'),
    channelsLast: (dims, type) => byTag(dims, type, 'nhwc'),
    filters: (dims, tag) => byTag(dims, 'f32', tag),
    layoutLike(like, dims) {
      const tag = pictureTag(like);
      return tag === undefined || tag === 'nchw'
        ? strided(dims, like.type, rowMajorStrides(dims))
        : byTag(dims, like.type, tag);
    },
    pictureTag,
    layoutOfType(like, type) {
      const tags: readonly LayoutTag[] = like.dims.length === 4 ? ['nhwc', 'nChw8c', 'nChw16c'] : [];
      const tag = tags.find((name) =>
        dialect.sameLayout(dialect.layoutByTag(like.dims, like.type, name), like),
      );
      if (tag !== undefined) return dialect.layoutByTag(like.dims, type, tag);
      const strides = rowMajorStrides(like.dims);
      const plain = dialect.layoutByStrides(like.dims, like.type, strides);
      return dialect.sameLayout(plain, like) ? dialect.layoutByStrides(like.dims, type, strides) : undefined;
    },
    sublayout: dialect.sublayout,
    sameLayout,
    layoutText: ({ handle }) =>
      handle instanceof Uint8Array ? createHash('sha256').update(handle).digest('base64') : '',
    describe(kind, request, postOperations = [], scaling = undefined) {
      const make = (): PrimitiveDescriptor | undefined => {
        const again = () => dialect.describe(kind, request, attributesFor(postOperations, kind, scaling));
        const handle = again();
        const { hint } = request as { hint?: PrimitiveDescriptor };
        return handle === undefined ? undefined : wrap(handle, hint?.handle ?? null, again);
      };
      if (scaling !== undefined) return make();
      return once(descriptors, `${kind} ${identity(request)} ${identity(postOperations)}`, make);
    },
    // A primitive keeps nothing between runs: nodes alike share one.
    primitive: (descriptor) =>
      once(primitives, descriptor, () =>
        created(
          (out) => call('dnnl_primitive_create', 'i(pp)')(out, descriptor.handle),
          'primitive_create',
          own,
          call('dnnl_primitive_destroy', 'i(p)'),
        ),
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
    code: (key, make) =>
      once(codes, key, () => {
        const made = team && make(team);
        const address = made && mapCode(made);
        if (made !== undefined && address !== undefined) own(() => unmap(address, made.length));
        return address;
      }),
    runCode: (address, table) => team?.run(address, table),
    series(works) {
      const calls = works.flatMap((work) => callOf(work) ?? []);
      const made = works.length > 1 && calls.length === works.length ? createSeries(calls) : undefined;
      if (made === undefined)
        return () => {
          for (const work of works) runOne(work);
        };
      own(made.free);
      return () => {
        const failure = made.run();
        if (failure === undefined) return;
        const work = works[failure.failed] as NativeWork;
        check(failure.status, work.kind === 'primitive' ? work.what : 'generated code');
      };
    },
    dispose() {
      for (const destroy of disposers.reverse()) destroy();
      disposers.length = 0;
    },
  };
}

function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as V;
}

/** A `dnnl_exec_arg_t` array: pairs of argument number (with padding) and memory handle. */
export function argumentTable(pairs: readonly (readonly [number: number, memory: bigint])[]): BigUint64Array {
  return BigUint64Array.from(pairs.flatMap(([number, memory]) => [BigInt(number), memory]));
}
