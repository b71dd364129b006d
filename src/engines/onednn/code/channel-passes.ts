// Passes over pictures that lie in blocks of 16 channels, channel by channel, as AVX-512 code: a lane is a channel.
// Several tensors of the same layout are read and written side by side, in f32 or bf16; registers hold f32.
import type { FloatType } from '../abi.ts';
import { type Assembler, at, type Memory, type Register, r, type Vector } from './assembler.ts';
import { lanes } from './cut.ts';
import { args, item } from './items.ts';

export interface Pictures {
  readonly pictures: number;
  /** Of 16 channels. */
  readonly blocks: number;
  /** Of a plane. */
  readonly pixels: number;
  /** How numbers lie in memory. bf16 wants AVX512-BF16. */
  readonly type: FloatType;
}

/** Where the tensors of a pass are; at most as many as there are pointers. */
const pointers: readonly Register[] = [r.si, r.di, r.r8, r.r9, r.r10, r.r11];
const [offset, left, picture] = [r.r14, r.cx, r.r15] as const;

/** Bytes of one number of every channel of a block. */
export function pixelBytes({ type }: Pick<Pictures, 'type'>): number {
  return lanes * (type === 'f32' ? 4 : 2);
}

export interface Pass {
  /** The slots of the tensors in the table of arguments, in bytes. */
  readonly tensors: readonly number[];
  /** Pixels between two jumps. */
  readonly atOnce: number;
  /** One of these pixels; `place`: where it lies in each of the tensors. */
  each(pixel: number, place: (tensor: number) => Memory): void;
  /** Behind each picture. */
  afterPicture?(): void;
}

/**
 * Through the block of channels that `item` names, in all pictures. `backwards`: from the last picture to the first, which finds
 * in the caches what a pass before it has read last.
 */
export function passThroughBlock(
  code: Assembler,
  shape: Pictures,
  { backwards = false, ...pass }: Pass & { readonly backwards?: boolean },
): void {
  const planeBytes = shape.pixels * pixelBytes(shape);
  const pictureBytes = shape.blocks * planeBytes;
  code.multiplyBy(offset, item, planeBytes);
  if (backwards) {
    code.setAddress(r.ax, BigInt(shape.pictures - 1) * BigInt(pictureBytes));
    code.combine('add', offset, r.ax);
  }
  code.set(picture, shape.pictures);
  const next = code.here();
  passThroughPixels(code, shape, pass);
  pass.afterPicture?.();
  code.combineWith(backwards ? 'subtract' : 'add', offset, pictureBytes);
  code.combineWith('subtract', picture, 1);
  code.jump(next, 'notEqual');
}

/** Through the plane of a block that `item` names: block by block, picture by picture. */
export function passThroughPlane(code: Assembler, shape: Pictures, pass: Pass): void {
  code.multiplyBy(offset, item, shape.pixels * pixelBytes(shape));
  passThroughPixels(code, shape, pass);
}

function passThroughPixels(code: Assembler, shape: Pictures, { tensors, atOnce, each }: Pass): void {
  if (tensors.length > pointers.length) throw new Error(`A pass has ${tensors.length} tensors.`);
  const bytes = pixelBytes(shape);
  const pointer = (tensor: number): Register => pointers[tensor] as Register;
  tensors.forEach((slot, i) => {
    code.move(pointer(i), at(args, slot));
    code.combine('add', pointer(i), offset);
  });
  const pixels = (count: number): void => {
    for (let i = 0; i < count; i++) each(i, (tensor) => at(pointer(tensor), i * bytes));
  };
  const rounds = Math.floor(shape.pixels / atOnce);
  if (rounds > 0) {
    code.set(left, rounds);
    const again = code.here();
    pixels(atOnce);
    for (const i of tensors.keys()) code.combineWith('add', pointer(i), atOnce * bytes);
    code.combineWith('subtract', left, 1);
    code.jump(again, 'notEqual');
  }
  pixels(shape.pixels % atOnce);
}

/** One number of every channel of a block. */
export function read(code: Assembler, { type }: Pick<Pictures, 'type'>, to: Vector, from: Memory): void {
  if (type === 'f32') {
    code.load(to, from);
    return;
  }
  code.widen(to, from);
  code.shiftLanes(to, to, 16);
}

/** `from` is used up. */
export function write(code: Assembler, { type }: Pick<Pictures, 'type'>, to: Memory, from: Vector): void {
  if (type === 'f32') {
    code.store(to, from);
    return;
  }
  code.round(from, from);
  code.storeHalf(to, from);
}
