// The stack machine that a pickle is a program for: a stack with marks, and a memo. Everything that is pushed counts
// against the memory budget of the file; taking what is not there is a defect of the file, said with its place.
import type { ByteReader } from './byte-reader.ts';
import type { PickleGlobal, PickleValue } from './pickle-values.ts';
import { BadFile, type Budget } from './weights-file.ts';

export interface PickleSurroundings {
  /** What a name such as "collections.OrderedDict" stands for; undefined refuses it. */
  readonly global: (name: string) => PickleGlobal | undefined;
  /** What a persistent id stands for (PyTorch: a storage). */
  readonly persistent: (id: PickleValue) => PickleValue;
  readonly budget: Budget;
}

/** Rough costs in memory, bytes. */
export const valueCost = 24;
export const containerCost = 200;

export interface Machine {
  readonly reader: ByteReader;
  readonly surroundings: PickleSurroundings;
  readonly memo: Map<number, PickleValue>;
  push(value: PickleValue, cost?: number): void;
  pop(): PickleValue;
  top(): PickleValue;
  mark(): void;
  popToMark(): PickleValue[];
  /** POP of a mark alone is allowed. */
  discard(): void;
  fail(problem: string): never;
}

export function createMachine(reader: ByteReader, surroundings: PickleSurroundings): Machine {
  const stack: PickleValue[] = [];
  const marks: number[] = [];
  const fail = (problem: string): never => {
    throw new BadFile(`its pickle is damaged near byte ${reader.position()}: ${problem}.`);
  };
  const top = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) fail('it takes a value where there is none');
    return stack[stack.length - 1] as PickleValue;
  };
  const pop = (): PickleValue => {
    const value = top();
    stack.pop();
    return value;
  };
  return {
    reader,
    surroundings,
    memo: new Map(),
    push: (value, cost = valueCost) => {
      surroundings.budget.spend(cost, 'its pickle');
      stack.push(value);
    },
    pop,
    top,
    mark: () => {
      surroundings.budget.spend(valueCost, 'its pickle');
      marks.push(stack.length);
    },
    popToMark: () => {
      const from = marks.pop() ?? fail('it closes a group that was not opened');
      surroundings.budget.spend(8 * (stack.length - from), 'its pickle');
      return stack.splice(from);
    },
    discard: () => {
      if (marks.length > 0 && marks.at(-1) === stack.length) marks.pop();
      else pop();
    },
    fail,
  };
}
