// Machine code for x86-64 with AVX-512, instruction by instruction (Intel, Software Developer's Manual, volume 2): what
// generated kernels need, and no more. Offsets to labels are filled in at the end.

/** General registers by their numbers. */
export const r = {
  ...{ ax: 0, cx: 1, dx: 2, bx: 3, sp: 4, bp: 5, si: 6, di: 7 },
  ...{ r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15 },
} as const;
export type Register = (typeof r)[keyof typeof r];
/** A vector register of sixteen f32, 0 to 31. */
export type Vector = number;
/** A register of one bit for each lane, 1 to 7. */
export type Mask = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** Distances are part of instructions, which have 32 bits for them. */
export const furthest = 2 ** 31;

/** `[base + offset]`. */
export interface Memory {
  readonly base: Register;
  readonly offset: number;
}

export const at = (base: Register, offset = 0): Memory => ({ base, offset });

export interface Label {
  position?: number;
}

const conditions = {
  below: 2,
  notBelow: 3,
  equal: 4,
  notEqual: 5,
  less: 12,
  notLess: 13,
  notGreater: 14,
} as const;
export type Condition = keyof typeof conditions;

/** Opcodes with a register as the second operand; with a number it is bits 3 to 5 of them that tell operations apart. */
const operations = { add: 0x01, subtract: 0x29, exclusiveOr: 0x31, compare: 0x39 } as const;
export type Operation = keyof typeof operations;

type OpcodeMap = 1 | 2 | 3;
/** Opcode map, mandatory prefix (0 none, 1 for 66, 2 for F3, 3 for F2) and opcode. */
interface VectorOpcode {
  readonly map: OpcodeMap;
  readonly prefix: 0 | 1 | 2 | 3;
  readonly opcode: number;
  /** Of the lower half of registers. */
  readonly half?: boolean;
  /** The lanes that are computed; others become zero. */
  readonly mask?: Mask;
}
const load: VectorOpcode = { map: 1, prefix: 0, opcode: 0x10 };
const store: VectorOpcode = { map: 1, prefix: 0, opcode: 0x11 };
const storeHalf: VectorOpcode = { ...store, half: true };
const broadcast: VectorOpcode = { map: 2, prefix: 1, opcode: 0x18 };
const multiplyAdd: VectorOpcode = { map: 2, prefix: 1, opcode: 0xb8 };
const multiplyAddPairs: VectorOpcode = { map: 2, prefix: 2, opcode: 0x52 };
const multiply: VectorOpcode = { map: 1, prefix: 0, opcode: 0x59 };
const add: VectorOpcode = { map: 1, prefix: 0, opcode: 0x58 };
const subtract: VectorOpcode = { map: 1, prefix: 0, opcode: 0x5c };
const maximum: VectorOpcode = { map: 1, prefix: 0, opcode: 0x5f };
const minimum: VectorOpcode = { map: 1, prefix: 0, opcode: 0x5d };
const roundToWhole: VectorOpcode = { map: 3, prefix: 1, opcode: 0x08 };
const scaleByPower: VectorOpcode = { map: 2, prefix: 1, opcode: 0x2c };
const exclusiveOr: VectorOpcode = { map: 1, prefix: 1, opcode: 0xef };
const widen: VectorOpcode = { map: 2, prefix: 1, opcode: 0x33 };
const round: VectorOpcode = { map: 2, prefix: 2, opcode: 0x72 };
const shiftLanes: VectorOpcode = { map: 1, prefix: 1, opcode: 0x72 };
const or: VectorOpcode = { map: 1, prefix: 1, opcode: 0xeb };
const squareRoot: VectorOpcode = { map: 1, prefix: 0, opcode: 0x51 };
const quotient: VectorOpcode = { map: 1, prefix: 0, opcode: 0x5e };
const multiplySubtracted: VectorOpcode = { map: 2, prefix: 1, opcode: 0xbc };
const multiplyThenAdd: VectorOpcode = { map: 2, prefix: 1, opcode: 0xa8 };
const compare: VectorOpcode = { map: 1, prefix: 0, opcode: 0xc2 };
const permute: VectorOpcode = { map: 2, prefix: 1, opcode: 0x16 };

/** The comparison that is false where an operand is not a number, and raises nothing. */
const greaterThan = 0x1e;
/** To the nearest, half to even, and no digits behind the point. */
const nearest = 0;
const vectorBytes = 64;
const numberBytes = 4;

export class Assembler {
  private bytes: Uint8Array = new Uint8Array(4096);
  private length = 0;
  private readonly jumps: { readonly at: number; readonly label: Label }[] = [];

  /** The finished code. */
  code(): Uint8Array {
    const code = this.bytes.slice(0, this.length);
    const view = new DataView(code.buffer);
    for (const { at: place, label } of this.jumps) {
      if (label.position === undefined) throw new Error('A jump leads to a label that has no place.');
      view.setInt32(place, label.position - (place + 4), true);
    }
    return code;
  }

  place(label: Label): void {
    label.position = this.length;
  }

  /** A label here, to jump back to. */
  here(): Label {
    return { position: this.length };
  }

  push(register: Register): void {
    if (register > 7) this.emit(0x41);
    this.emit(0x50 + (register & 7));
  }

  pop(register: Register): void {
    if (register > 7) this.emit(0x41);
    this.emit(0x58 + (register & 7));
  }

  /** Returns; the upper halves of the vector registers are cleared first, which code for older registers wants. */
  leave(): void {
    this.emit(0xc5, 0xf8, 0x77);
    this.back();
  }

  /** Returns. */
  back(): void {
    this.emit(0xc3);
  }

  call(register: Register): void {
    if (register > 7) this.emit(0x41);
    this.emit(0xff, 0xd0 + (register & 7));
  }

  setAddress(to: Register, value: bigint): void {
    this.emit(0x48 | (to >> 3), 0xb8 + (to & 7));
    this.emit(...new Uint8Array(BigUint64Array.of(value).buffer));
  }

  /** Sign-extended from 32 bits. */
  set(to: Register, value: number): void {
    this.emit(0x48 | (to >> 3), 0xc7, 0xc0 + (to & 7));
    this.int32(value);
  }

  move(to: Register, from: Register | Memory): void {
    if (typeof from === 'number') this.registers(0x89, to, from);
    else this.withMemory(0x8b, to, from);
  }

  keep(to: Memory, from: Register): void {
    this.withMemory(0x89, from, to);
  }

  address(to: Register, from: Memory): void {
    this.withMemory(0x8d, to, from);
  }

  /** The address of a label. */
  addressOf(to: Register, label: Label): void {
    this.emit(0x48 | ((to >> 3) << 2), 0x8d, 0x05 | ((to & 7) << 3));
    this.jumps.push({ at: this.length, label });
    this.int32(0);
  }

  /** Numbers of 32 bits in the place of instructions, for `addressOf`. */
  numbers(values: readonly number[]): void {
    for (const value of values) this.int32(value);
  }

  combine(operation: Operation, to: Register, by: Register | Memory): void {
    const opcode = operations[operation];
    if (typeof by === 'number') this.registers(opcode, to, by);
    else this.withMemory(opcode + 2, to, by);
  }

  /** With a number of 32 bits, sign-extended. */
  combineWith(operation: Operation, to: Register, value: number): void {
    this.emit(0x48 | (to >> 3), 0x81, 0xc0 + (operations[operation] & 0x38) + (to & 7));
    this.int32(value);
  }

  multiplyBy(to: Register, from: Register, value: number): void {
    this.emit(0x48 | ((to >> 3) << 2) | (from >> 3), 0x69, 0xc0 + ((to & 7) << 3) + (from & 7));
    this.int32(value);
  }

  shift(way: 'left' | 'right', register: Register, bits: number): void {
    this.emit(0x48 | (register >> 3), 0xc1, (way === 'left' ? 0xe0 : 0xe8) + (register & 7), bits);
  }

  /** rdx:rax by a register: the quotient comes in rax, the rest in rdx. */
  divide(by: Register): void {
    this.emit(0x48 | (by >> 3), 0xf7, 0xf0 + (by & 7));
  }

  jump(label: Label, condition?: Condition): void {
    if (condition === undefined) this.emit(0xe9);
    else this.emit(0x0f, 0x80 + conditions[condition]);
    this.jumps.push({ at: this.length, label });
    this.int32(0);
  }

  load(to: Vector, from: Memory): void {
    this.vector(load, to, 0, from, vectorBytes);
  }

  store(to: Memory, from: Vector): void {
    this.vector(store, from, 0, to, vectorBytes);
  }

  copy(to: Vector, from: Vector): void {
    this.vector(load, to, 0, from);
  }

  clear(to: Vector): void {
    this.vector(exclusiveOr, to, to, to);
  }

  /** One number in all places. */
  broadcast(to: Vector, from: Memory): void {
    this.vector(broadcast, to, 0, from, numberBytes);
  }

  /** The lower half of a register. */
  storeHalf(to: Memory, from: Vector): void {
    this.vector(storeHalf, from, 0, to, vectorBytes / 2);
  }

  /** Sixteen f32 to bf16, to the nearest, in the lower half of a register. AVX512-BF16. */
  round(to: Vector, from: Vector): void {
    this.vector(round, to, 0, from);
  }

  /** Sixteen numbers of 16 bits, of a register those in its lower half, each in the lower half of a lane. */
  widen(to: Vector, from: Vector | Memory): void {
    this.vector(widen, to, 0, from, vectorBytes / 2);
  }

  /** Each lane to the left by so many bits. */
  shiftLanes(to: Vector, from: Vector, bits: number): void {
    this.vector(shiftLanes, 6, to, from);
    this.emit(bits);
  }

  or(to: Vector, a: Vector, b: Vector): void {
    this.vector(or, to, a, b);
  }

  /** Lane for lane the number whose place `places` names. */
  permute(to: Vector, places: Vector, from: Memory): void {
    this.vector(permute, to, places, from, vectorBytes);
  }

  /** `to += a * b`, rounded once; of what lies in memory one number in all places. */
  multiplyAdd(to: Vector, a: Vector, b: Vector | Memory): void {
    this.vector(multiplyAdd, to, a, b, numberBytes, true);
  }

  /** `to += a0 * b0 + a1 * b1` of pairs of bf16, in f32; of what lies in memory one pair in all places. AVX512-BF16. */
  multiplyAddPairs(to: Vector, a: Vector, b: Vector | Memory): void {
    this.vector(multiplyAddPairs, to, a, b, numberBytes, true);
  }

  add(to: Vector, a: Vector, b: Vector | Memory): void {
    this.vector(add, to, a, b, vectorBytes);
  }

  /** `to = a - b`. */
  subtract(to: Vector, a: Vector, b: Vector | Memory): void {
    this.vector(subtract, to, a, b, vectorBytes);
  }

  multiply(to: Vector, a: Vector, b: Vector): void {
    this.vector(multiply, to, a, b);
  }

  maximum(to: Vector, a: Vector, b: Vector): void {
    this.vector(maximum, to, a, b);
  }

  minimum(to: Vector, a: Vector, b: Vector): void {
    this.vector(minimum, to, a, b);
  }

  /** To the nearest whole number. */
  roundToWhole(to: Vector, from: Vector): void {
    this.vector(roundToWhole, to, 0, from);
    this.emit(nearest);
  }

  /** `to = a * 2^n`, of whole `n`. */
  scaleByPower(to: Vector, a: Vector, n: Vector): void {
    this.vector(scaleByPower, to, a, n);
  }

  squareRoot(to: Vector, from: Vector): void {
    this.vector(squareRoot, to, 0, from);
  }

  /** `to = a / b`. */
  quotient(to: Vector, a: Vector, b: Vector): void {
    this.vector(quotient, to, a, b);
  }

  /** `to = to * by + more`, rounded once. */
  multiplyThenAdd(to: Vector, by: Vector, more: Vector): void {
    this.vector(multiplyThenAdd, to, by, more);
  }

  /** `to -= a * b`, rounded once. */
  multiplySubtracted(to: Vector, a: Vector, b: Vector): void {
    this.vector(multiplySubtracted, to, a, b);
  }

  /** Says lane for lane whether `a > b`; never so where one is not a number. */
  greater(to: Mask, a: Vector, b: Vector): void {
    this.vector(compare, to, a, b);
    this.emit(greaterThan);
  }

  /** The lanes that a mask names, and zeros in the others. */
  copyWhere(mask: Mask, to: Vector, from: Vector): void {
    this.vector({ ...load, mask }, to, 0, from);
  }

  /** Fetches a line into the first cache or the second; any address will do, `[base + index + offset]` too. */
  prefetch(level: 1 | 2, { base, offset }: Memory, index?: Register): void {
    if (index === undefined) {
      if (base > 7) this.emit(0x41);
      this.emit(0x0f, 0x18);
      this.operand(level, base, offset, 1);
      return;
    }
    this.emit(0x40 | ((index >> 3) << 1) | (base >> 3), 0x0f, 0x18);
    this.emit(0x84 + (level << 3), ((index & 7) << 3) + (base & 7));
    this.int32(offset);
  }

  private emit(...values: readonly number[]): void {
    if (this.length + values.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(values, this.length);
    this.length += values.length;
  }

  private int32(value: number): void {
    if (value !== (value | 0)) throw new Error(`${value} does not fit into 32 bits of an instruction.`);
    this.emit(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);
  }

  /** `opcode` with rm = to and reg = from. */
  private registers(opcode: number, to: Register, from: Register): void {
    this.emit(0x48 | ((from >> 3) << 2) | (to >> 3), opcode, 0xc0 + ((from & 7) << 3) + (to & 7));
  }

  private withMemory(opcode: number, register: Register, { base, offset }: Memory): void {
    this.emit(0x48 | ((register >> 3) << 2) | (base >> 3), opcode);
    this.operand(register & 7, base, offset, 1);
  }

  /** ModRM, SIB and displacement; small displacements count in units of `unit` bytes. */
  private operand(register: number, base: Register, offset: number, unit: number): void {
    const small = offset % unit === 0 && Math.abs(offset / unit) < 128;
    this.emit((small ? 0x40 : 0x80) + (register << 3) + (base & 7));
    if ((base & 7) === r.sp) this.emit(0x24);
    if (small) this.emit((offset / unit) & 0xff);
    else this.int32(offset);
  }

  /** EVEX: three operands, the last a register or memory, of which `everywhere` takes one number in all places. */
  private vector(
    { map, prefix, opcode, half = false, mask }: VectorOpcode,
    register: Vector,
    second: Vector,
    last: Vector | Memory,
    unit = 0,
    everywhere = false,
  ): void {
    const inMemory = typeof last === 'object';
    const lastLow = inMemory ? last.base >> 3 : (last >> 3) & 1;
    const lastHigh = inMemory ? 0 : last >> 4;
    const notSet = (bit: number): number => (bit & 1) ^ 1;
    this.emit(
      0x62,
      (notSet(register >> 3) << 7) |
        (notSet(lastHigh) << 6) |
        (notSet(lastLow) << 5) |
        (notSet(register >> 4) << 4) |
        map,
      ((~second & 15) << 3) | 4 | prefix,
      (mask === undefined ? 0 : 0x80 | mask) |
        (half ? 0x20 : 0x40) |
        (everywhere && inMemory ? 0x10 : 0) |
        (notSet(second >> 4) << 3),
      opcode,
    );
    if (inMemory) this.operand(register & 7, last.base, last.offset, unit);
    else this.emit(0xc0 + ((register & 7) << 3) + (last & 7));
  }
}
