// The two inner loops of paint.ts as WebAssembly with 128-bit vectors, four times as fast as the same loops in
// JavaScript. The module is put together here, instruction by instruction, so that there is no binary file to trust and
// nothing to build. Encoding: WebAssembly core specification 2.0, chapter 5.

/** What is used of the runtime's WebAssembly. */
interface Runtime {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

export interface PaintKernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /**
   * Mixes `count` rows of bytes, `pitch` bytes apart from `src` on, by f32 `weights`, into f32 at `dst`: 16 numbers for each
   * of `blocks`.
   */
  mixRows(src: number, pitch: number, count: number, weights: number, dst: number, blocks: number): void;
  /**
   * Mixes columns of a row of RGB f32. For each of `width` outputs, `table` has `stride` bytes: the offset of the first column,
   * their number, and the weights. Sums times the scale at `affine`, plus the shift after it, go to `red`, `green` and
   * `blue`, which advance by `step` bytes.
   */
  mixColumns(
    row: number,
    table: number,
    stride: number,
    red: number,
    green: number,
    blue: number,
    step: number,
    width: number,
    affine: number,
  ): void;
}

/** The kernel; undefined where the processor or the runtime has no vectors for it. */
export function createPaintKernel(): PaintKernel | undefined {
  const runtime = (globalThis as { readonly WebAssembly?: Runtime }).WebAssembly;
  const bytes = Uint8Array.from(moduleBytes());
  if (runtime === undefined || !runtime.validate(bytes)) return undefined;
  const { exports } = new runtime.Instance(new runtime.Module(bytes));
  return exports as PaintKernel;
}

type Code = readonly number[];

const [int, vector] = [0x7f, 0x7b];

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [...value, 0x21, local];
/** Small constants: one byte of signed LEB128. */
const constant = (value: number): Code => [0x41, value & 0x7f];
const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
const advance = (local: number, by: Code): Code => set(local, add(get(local), by));
const load = (address: Code, offset = 0): Code => [...address, 0x28, 2, offset];

const simd = (operation: number, ...immediates: number[]): Code => [
  0xfd,
  ...unsigned(operation),
  ...immediates,
];
const loadVector = (address: Code, offset = 0): Code => [...address, ...simd(0x00, 0, offset)];
const loadSplat = (address: Code): Code => [...address, ...simd(0x09, 2, 0)];
const storeVector = (address: Code, value: Code, offset: number): Code => [
  ...address,
  ...value,
  ...simd(0x0b, 0, offset),
];
const storeLane = (address: Code, value: Code, lane: number): Code => [
  ...address,
  ...value,
  ...simd(0x5a, 2, 0, lane),
];
const zeros: Code = simd(0x0c, ...Array(16).fill(0));
const widenBytes = { low: simd(0x89), high: simd(0x8a) };
const widenWords = { low: simd(0xa9), high: simd(0xaa) };
const toFloat = simd(0xfa);
const addFloats = simd(0xe4);
const multiplyFloats = simd(0xe6);

/** Repeats `body` until the counter, at least 1 before, is 0. */
function countDown(counter: number, body: Code): Code {
  const less = [...get(counter), ...constant(1), 0x6b, 0x22, counter];
  return [0x03, 0x40, ...body, ...less, 0x0d, 0, 0x0b];
}

function mixRowsBody(): Code {
  const [src, pitch, count, weights, dst, blocks] = [0, 1, 2, 3, 4, 5];
  const [at, weightAt, left, weight, bytes] = [6, 7, 8, 9, 10];
  const sums = [11, 12, 13, 14];
  const halves = [widenBytes.low, widenBytes.high] as const;
  const quarter = (i: number): Code => [
    ...get(bytes),
    ...(halves[i >> 1] as Code),
    ...(i % 2 === 0 ? widenWords.low : widenWords.high),
    ...toFloat,
  ];
  return [
    ...countDown(blocks, [
      ...sums.flatMap((sum) => set(sum, zeros)),
      ...set(at, get(src)),
      ...set(weightAt, get(weights)),
      ...set(left, get(count)),
      ...countDown(left, [
        ...set(bytes, loadVector(get(at))),
        ...set(weight, loadSplat(get(weightAt))),
        ...sums.flatMap((sum, i) =>
          set(sum, [...get(sum), ...quarter(i), ...get(weight), ...multiplyFloats, ...addFloats]),
        ),
        ...advance(at, get(pitch)),
        ...advance(weightAt, constant(4)),
      ]),
      ...sums.flatMap((sum, i) => storeVector(get(dst), get(sum), 16 * i)),
      ...advance(src, constant(16)),
      // 64 takes two bytes of signed LEB128.
      ...advance(dst, [0x41, 0xc0, 0x00]),
    ]),
    0x0b,
  ];
}

function mixColumnsBody(): Code {
  const [row, table, stride, red, green, blue, step, width, affine] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [at, weightAt, left, sum, scale, shift] = [9, 10, 11, 12, 13, 14];
  return [
    ...set(scale, loadVector(get(affine))),
    ...set(shift, loadVector(get(affine), 16)),
    ...countDown(width, [
      ...set(at, add(get(row), load(get(table)))),
      ...set(left, load(get(table), 4)),
      ...set(weightAt, add(get(table), constant(8))),
      ...set(sum, zeros),
      ...countDown(left, [
        ...set(sum, [
          ...get(sum),
          ...loadVector(get(at)),
          ...loadSplat(get(weightAt)),
          ...multiplyFloats,
          ...addFloats,
        ]),
        ...advance(at, constant(12)),
        ...advance(weightAt, constant(4)),
      ]),
      ...set(sum, [...get(sum), ...get(scale), ...multiplyFloats, ...get(shift), ...addFloats]),
      ...[red, green, blue].flatMap((place, lane) => [
        ...storeLane(get(place), get(sum), lane),
        ...advance(place, get(step)),
      ]),
      ...advance(table, get(stride)),
    ]),
    0x0b,
  ];
}

function moduleBytes(): Code {
  const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
  const sized = (code: Code): Code => [...unsigned(code.length), ...code];
  const section = (id: number, content: Code): Code => [id, ...sized(content)];
  const name = (text: string): Code => sized([...text].map((letter) => letter.charCodeAt(0)));
  const takes = (parameters: number): Code => [0x60, ...list(Array(parameters).fill([int])), 0];
  const locals = (...groups: [count: number, type: number][]): Code => list(groups);
  return [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([takes(6), takes(9)])),
    ...section(3, list([[0], [1]])),
    // One memory of at least one page.
    ...section(5, list([[0, 1]])),
    ...section(
      7,
      list([
        [...name('memory'), 2, 0],
        [...name('mixRows'), 0, 0],
        [...name('mixColumns'), 0, 1],
      ]),
    ),
    ...section(
      10,
      list([
        sized([...locals([3, int], [6, vector]), ...mixRowsBody()]),
        sized([...locals([3, int], [3, vector]), ...mixColumnsBody()]),
      ]),
    ),
  ];
}
