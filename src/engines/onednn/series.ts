// Native calls one after another as one piece of machine code: a call out of JavaScript takes time of its own, and
// programs of small networks are many short ones.
import { functionAt, mapCode, unmap } from '../../foreign.ts';
import { Assembler, type Label, type Register, r } from './code/assembler.ts';

/** A call of a C function with at most four arguments; an array is handed over as the address of its numbers, to be read only. */
export interface NativeCall {
  readonly address: bigint;
  readonly arguments: readonly (bigint | BigUint64Array)[];
  /** Whether it gives a status: 0, or what says why it failed. */
  readonly hasStatus: boolean;
}

export interface Series {
  /** Makes all calls, up to the first that fails. */
  run(): { readonly failed: number; readonly status: number } | undefined;
  free(): void;
}

/** By the System V calling convention. */
const registers: readonly Register[] = [r.di, r.si, r.dx, r.cx];
/** Results tell the place of a call that failed, counted from 1, above its status. */
const statusBits = 32;

/** Undefined where machine code of this kind cannot be run. */
export function createSeries(calls: readonly NativeCall[]): Series | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const code = seriesCode(calls);
  const address = mapCode(code);
  if (address === undefined) return undefined;
  const call = functionAt(address, 'l()');
  return {
    run() {
      const result = call();
      if (result === 0) return undefined;
      const place = Math.floor(result / 2 ** statusBits);
      return { failed: place - 1, status: result - place * 2 ** statusBits };
    },
    free: () => unmap(address, code.length),
  };
}

function seriesCode(calls: readonly NativeCall[]): Uint8Array {
  const code = new Assembler();
  const [failed, end]: [Label, Label] = [{}, {}];
  const tables = new Map<BigUint64Array, Label>();
  const place = r.bx;
  // This also brings the stack to a multiple of 16, as calls expect it.
  code.push(place);
  calls.forEach(({ address, arguments: values, hasStatus }, i) => {
    values.forEach((value, position) => {
      const register = registers[position] as Register;
      if (typeof value === 'bigint') {
        code.setAddress(register, value);
        return;
      }
      const label = tables.get(value) ?? {};
      tables.set(value, label);
      code.addressOf(register, label);
    });
    if (hasStatus) code.setAddress(place, BigInt(i + 1) << BigInt(statusBits));
    code.setAddress(r.ax, address);
    code.call(r.ax);
    if (!hasStatus) return;
    // The upper half of an int is not defined.
    code.shift('left', r.ax, statusBits);
    code.combineWith('compare', r.ax, 0);
    code.jump(failed, 'notEqual');
  });
  code.set(r.ax, 0);
  code.jump(end);
  code.place(failed);
  code.shift('right', r.ax, statusBits);
  code.combine('add', r.ax, place);
  code.place(end);
  code.pop(place);
  code.back();
  for (const [table, label] of tables) {
    code.place(label);
    code.numbers([...new Int32Array(table.buffer, table.byteOffset, 2 * table.length)]);
  }
  return code.code();
}
