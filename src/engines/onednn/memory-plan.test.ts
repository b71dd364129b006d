import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step, Storage, Tensor } from './lowering.ts';
import { planMemory } from './memory-plan.ts';

function tensor(bytes: number): Tensor {
  const storage: Storage = { place: 'arena', bytes, first: Infinity, last: -Infinity, offset: -1 };
  return { layout: { handle: null, dims: [bytes], type: 'u8', bytes }, storage };
}

function step(reads: Tensor[], writes: Tensor[], inPlace?: Tensor): Step {
  return { kind: 'host', op: 'test', path: '', reads, writes, inPlace: [inPlace], compute: () => {} };
}

const overlaps = (a: Storage, b: Storage): boolean =>
  a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

describe('planMemory', () => {
  it('shares memory between tensors that never live together', () => {
    const [a, b, c] = [tensor(1024), tensor(1024), tensor(1024)];
    const plan = planMemory([step([a], [b]), step([b], [c])], [a], [c]);
    expect(plan.arenaBytes).toBe(2048);
    expect(c.storage.offset).toBe(a.storage.offset);
  });

  it('lets a result take over a dying input, and not a living one', () => {
    const [a, b, c] = [tensor(1024), tensor(1024), tensor(1024)];
    planMemory([step([a], [b], a), step([b], [c], b), step([b], [])], [a], [c]);
    expect(b.storage.offset).toBe(a.storage.offset);
    expect(c.storage.offset).not.toBe(b.storage.offset);
  });

  it('does not take over an input that the step reads twice', () => {
    const [a, b] = [tensor(512), tensor(512)];
    planMemory([step([a, a], [b], a)], [a], [b]);
    expect(overlaps(a.storage, b.storage)).toBe(false);
  });

  it('keeps a chain of takeovers alive to its end', () => {
    const [a, b, c, other] = [tensor(256), tensor(256), tensor(256), tensor(256)];
    planMemory([step([a], [b], a), step([b], [c], b), step([], [other]), step([c, other], [])], [a], []);
    expect(c.storage.offset).toBe(a.storage.offset);
    expect(overlaps(c.storage, other.storage)).toBe(false);
  });

  it('never lets two living tensors overlap, on random programs', () => {
    const program = fc.array(
      fc.record({ reads: fc.array(fc.nat(30), { maxLength: 3 }), bytes: fc.integer({ min: 1, max: 5000 }) }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(program, (rows) => {
        const first = tensor(700);
        const made = [first];
        const steps = rows.map(({ reads, bytes }) => {
          const inputs = reads.map((i) => made[i % made.length] as Tensor);
          const output = tensor(bytes);
          made.push(output);
          return step(inputs, [output]);
        });
        const last = made.at(-1) as Tensor;
        const plan = planMemory(steps, [first], [last]);
        for (const [i, a] of made.entries()) {
          expect(a.storage.offset + a.storage.bytes).toBeLessThanOrEqual(plan.arenaBytes);
          for (const b of made.slice(i + 1)) {
            const together = a.storage.first <= b.storage.last && b.storage.first <= a.storage.last;
            if (together) expect(overlaps(a.storage, b.storage)).toBe(false);
          }
        }
        expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
      }),
      { numRuns: 200, seed: 5 },
    );
  });
});
