import { expect, it } from 'vitest';
import { addressOf, processSymbols } from '../../foreign.ts';
import { createSeries, type NativeCall } from './series.ts';

const isHere = process.platform === 'linux' && process.arch === 'x64';
const whyNot = isHere ? '' : ' (skipped: machine code is made for Linux on x86-64)';

/** Room whose address stays: that of short typed arrays moves. */
const room = (): BigUint64Array => new BigUint64Array(new ArrayBuffer(16));

function cFunction(name: string): bigint {
  const address = processSymbols().symbol(name);
  if (address === undefined) throw new Error(`The C library has no ${name}.`);
  return address;
}

/** `abs`, whose result stands for a status. */
const status = (value: bigint): NativeCall => ({
  address: cFunction('abs'),
  arguments: [value],
  hasStatus: true,
});

const copy = (to: BigUint64Array, from: BigUint64Array): NativeCall => ({
  address: cFunction('memcpy'),
  arguments: [addressOf(to), from, BigInt(from.byteLength)],
  hasStatus: false,
});

it.runIf(isHere)(`makes all calls, in their order, as often as it is run${whyNot}`, () => {
  const [first, second] = [room(), room()];
  const series = createSeries([
    copy(first, BigUint64Array.of(2n ** 63n + 1n, 7n)),
    status(0n),
    copy(second, BigUint64Array.of(3n, 4n)),
    copy(first, BigUint64Array.of(5n)),
  ]);
  for (let run = 0; run < 3; run++) {
    first.fill(0n);
    second.fill(0n);
    expect(series?.run()).toBeUndefined();
    expect([...first]).toEqual([5n, 7n]);
    expect([...second]).toEqual([3n, 4n]);
  }
  series?.free();
});

it.runIf(isHere)(`stops at the first call that fails, and tells its place and status${whyNot}`, () => {
  const [before, behind] = [room(), room()];
  const series = createSeries([
    copy(before, BigUint64Array.of(1n)),
    status(0n),
    status(-3n),
    copy(behind, BigUint64Array.of(1n)),
    status(-4n),
  ]);
  expect(series?.run()).toEqual({ failed: 2, status: 3 });
  expect([before[0], behind[0]]).toEqual([1n, 0n]);
  series?.free();
});
