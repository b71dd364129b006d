import { describe, expect, it } from 'vitest';
import { tellIn } from './hidden-caches.ts';

const zeros = (count: number): number[] => Array<number>(count).fill(0);
/** What xbyak's Cpu holds where CPUID says nothing, between other numbers. */
const record = [7, 1, 1, 1, ...zeros(7), 1, 1, 1, ...zeros(7), 3, 9];

describe('caches that a virtual machine hides', () => {
  it('are told to the library where it keeps them, and nothing else changes', () => {
    const memory = Uint32Array.from([...zeros(5), ...record]);
    const bytes = new Uint8Array(memory.buffer);
    expect(
      tellIn(
        () => [new Uint8Array(64), bytes],
        () => memory[6] as number,
      ),
    ).toBe(true);
    const sizes = [32768, 524288, 1048576];
    expect([...memory]).toEqual([...zeros(5), 7, ...sizes, ...zeros(7), 1, 1, 1, ...zeros(7), 3, 9]);
  });

  it('are left alone where the library knows them', () => {
    const parts = (): never => {
      throw new Error('Nobody is to look.');
    };
    expect(tellIn(parts, () => 49152)).toBe(true);
  });

  it('stay unknown where the library does not keep them as expected', () => {
    expect(
      tellIn(
        () => [new Uint8Array(256)],
        () => 1,
      ),
    ).toBe(false);
  });
});
