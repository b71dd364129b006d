// The states of training programs as one process has them, however they are divided over ranks. A rank alone may ask
// for what all have together only after they have settled it, all at once: what is settled counts until the next step.
import type { Ranks } from '../distribute/ranks.ts';
import type { Towers } from '../distribute/towers/towers.ts';
import type { Program } from '../engines/engine.ts';
import { initialValues } from '../engines/initial.ts';
import type { Value } from '../graph/graph.ts';
import { averageName, gatheredName } from './step.ts';

export interface ProgramStates {
  /** As one process has it. */
  read(name: string): Float32Array;
  write(name: string, values: Float32Array): void;
  /** Puts one state's numbers into another one of the same shape. */
  copy(from: string, to: string): void;
  /** Brings together what each rank has by itself; on all ranks. */
  settle(): void;
  /** The program is about to run, after which nothing is settled. */
  beforeRun(): void;
}

export interface StatesOptions {
  /** The program that has them at the moment. */
  current(): Program;
  /** The states of one process. */
  readonly states: ReadonlyMap<string, Value>;
  readonly ranks: Ranks;
  /** Running statistics are each rank's own. */
  readonly apart: boolean;
  readonly towers: Towers | undefined;
  readonly seed: number;
}

export function programStates(options: StatesOptions): ProgramStates {
  return options.towers === undefined ? statesOfRanks(options) : statesOfTowers(options, options.towers);
}

/**
 * Ranks that divide batches have the same weights. Running statistics are those of each one's own pictures, and what
 * counts is their mean; what is gathered of a gradient between two updates is of each one's own too, and their sum
 * counts: rank 0 has all of it once it is settled.
 */
function statesOfRanks({ current, states, ranks, apart }: StatesOptions): ProgramStates {
  const statistics = [...states].flatMap(([name, { source }]) => {
    if (source.kind !== 'state' || source.role !== 'buffer' || !apart) return [];
    return states.has(averageName(name)) ? [name, averageName(name)] : [name];
  });
  const gathered = new Set([...states.keys()].map(gatheredName).filter((name) => states.has(name)));
  let stands = false;
  const settle = (names: Iterable<string>, settled: (sum: number) => number): void => {
    for (const name of names) {
      const numbers = current().read(name);
      ranks.add(numbers);
      current().write(name, numbers.map(settled));
    }
  };
  return {
    read: (name) => current().read(name),
    write(name, values) {
      const nothing = gathered.has(name) && !ranks.leads;
      current().write(name, nothing ? new Float32Array(values.length) : values);
    },
    copy: (from, to) => current().write(to, current().read(from)),
    settle() {
      if (ranks.size === 1 || stands) return;
      settle(statistics, (sum) => sum / ranks.size);
      settle(gathered, (sum) => (ranks.leads ? sum : 0));
      stands = true;
    },
    beforeRun() {
      stands = false;
    },
  };
}

/** A tower has its part of every state. */
function statesOfTowers({ current, states, seed }: StatesOptions, towers: Towers): ProgramStates {
  const shapeOf = (name: string) => (states.get(name) as Value).shape;
  let settled: Map<string, Float32Array> | undefined;
  let started = false;
  const put = (name: string, values: Float32Array): void => {
    current().write(name, towers.part(values, shapeOf(name)));
    settled?.set(name, values);
  };
  const written = new Set<string>();
  /** Parts start as the whole does, whose numbers follow from its shape; drawn when they are first needed. */
  const start = (): void => {
    if (started) return;
    started = true;
    for (const [name, { shape, source }] of states) {
      if (source.kind !== 'state' || written.has(name)) continue;
      put(name, initialValues(name, shape, source.initial, seed));
    }
  };
  return {
    read(name) {
      const values = settled?.get(name);
      if (values === undefined) throw new Error(`The towers have not brought together ${name}.`);
      return values.slice();
    },
    write(name, values) {
      written.add(name);
      put(name, values);
    },
    copy(from, to) {
      start();
      current().write(to, current().read(from));
      const values = settled?.get(from);
      if (values !== undefined) settled?.set(to, values);
    },
    settle() {
      start();
      if (settled !== undefined) return;
      settled = new Map(
        [...states].map(([name, { shape }]) => [name, towers.whole(current().read(name), shape)]),
      );
    },
    beforeRun() {
      start();
      settled = undefined;
    },
  };
}
