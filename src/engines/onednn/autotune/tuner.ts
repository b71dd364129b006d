// Which way computes a node: the one that a caller forces or has agreed on with others, the one that was remembered, or
// the fastest of a measurement. A measurement runs each way alternately with the library's first choice, reorders
// included, and compares each run with those beside it; the first choice stays unless another wins clearly.
import type { Node, Value } from '../../../graph/graph.ts';
import { median } from '../../../median.ts';
import type { AutotuneReport, CompileOptions, EngineDescription } from '../../engine.ts';
import { multiplyAddsOf } from '../../profile/work.ts';
import type { Layout, PrimitiveDescriptor } from '../abi.ts';
import type { Library } from '../library.ts';
import type { Lowering } from '../lowering.ts';
import { createNatives, type Natives } from '../natives.ts';
import { signalShield } from '../signals.ts';
import { alternate, ratioOf } from './comparison.ts';
import { machineOf, questionOf } from './question.ts';
import { type Answer, recall, remember, rememberedPath } from './remembered.ts';
import { bytesOf, createRoom, prepareTrial, type Room, type Trial } from './trial.ts';
import { lowerAs, namesBeside, primitiveName, type Ways } from './ways.ts';

export interface Tuner {
  /** The name of the way that is to compute a node. */
  choose(lowering: Lowering, node: Node, ways: Ways, primitive: PrimitiveDescriptor): string;
  /** Hears that the chosen way does not apply to a node, and that the library's first choice computes it. */
  refused(lowering: Lowering, node: Node): void;
  /**
   * Takes the fastest way that needs no memory for nodes whose ways take too much, and the library's first choice where they
   * have that already, from the next lowering on; false where all have come to the first choice. Other nodes of the
   * same sizes, at which less is alive, keep their way.
   */
  restrain(nodes: Iterable<Node>): boolean;
  /** Writes down what was measured, gives native memory back and tells what was decided. */
  finish(): AutotuneReport;
}

export type TunerOptions = Pick<CompileOptions, 'autotune' | 'choices' | 'implementation' | 'onNote'>;

/** Below so many multiply-adds a node is not worth a measurement: it takes some microseconds. */
const leastWork = 2 ** 20;
/** How much faster than the first choice another way has to be. */
const margin = 0.03;
/** Choices are written down this often while they are measured: who stops a long compilation keeps them. */
const keptEveryMs = 2000;
/** Of the memory that is free, the part that a trial may take. */
const memoryShare = 0.5;

/** None where the first choice is all that is asked for. */
export function createTuner(
  library: Library,
  engine: EngineDescription,
  options: TunerOptions,
): Tuner | undefined {
  const { autotune: mode = 'off', choices, implementation, onNote = () => {} } = options;
  if (mode === 'off' && choices === undefined && implementation === undefined) return undefined;
  const measures = mode !== 'off' && choices === undefined && implementation === undefined;
  const machine = machineOf(engine);
  const path = rememberedPath();
  const known = measures && mode === 'on' ? recall(path, machine, onNote) : new Map<string, Answer>();
  const decided = new Map<string, string>();
  /** The way that each node takes, and behind it those that it comes down to where memory is short. */
  const taken = new Map<Node, readonly [string, ...string[]]>();
  const answers = new Map<string, Answer>();
  const worthKeeping = new Map<string, Answer>();
  const shielded = signalShield();
  let rooms: Rooms | undefined;
  let keptAt = performance.now();
  let ms = 0;
  let measured = 0;
  let remembered = 0;

  const answer = (
    question: string,
    lowering: Lowering,
    node: Node,
    ways: Ways,
    primitive: PrimitiveDescriptor,
  ): Answer | undefined => {
    const among = ways.others.map(({ name }) => name);
    const found = known.get(question);
    if (found !== undefined && isCurrent(found, among)) {
      remembered++;
      answers.set(question, found);
      return found;
    }
    const began = performance.now();
    rooms ??= { own: createRoom(library), other: createRoom(library), cold: createRoom(library) };
    const names = namesBeside(ways, primitive);
    const natives = createNatives(library);
    let comparison: Comparison | undefined;
    try {
      comparison = shielded(() => compare(natives, rooms as Rooms, lowering, node, ways, names));
    } finally {
      natives.dispose();
    }
    ms += performance.now() - began;
    if (comparison === undefined) return undefined;
    const { times, isWhole } = comparison;
    const made = { choice: fastest(times), ms: rounded(times), among };
    measured++;
    answers.set(question, made);
    if (isWhole) worthKeeping.set(question, made);
    if (performance.now() - keptAt > keptEveryMs) {
      // What cannot be written is told of once, at the end.
      remember(path, machine, worthKeeping, () => {});
      keptAt = performance.now();
    }
    return made;
  };

  return {
    choose(lowering, node, ways, primitive) {
      if (implementation === undefined && multiplyAddsOf(node) < leastWork) return primitiveName;
      const known = taken.get(node);
      if (known !== undefined) return known[0];
      const question = questionOf(lowering, node);
      let choice = implementation ?? decided.get(question) ?? choices?.[question];
      if (choice === undefined && measures)
        choice = answer(question, lowering, node, ways, primitive)?.choice;
      choice ??= primitiveName;
      decided.set(question, choice);
      const modest = choice === primitiveName ? [] : [...frugal(ways, answers.get(question)), primitiveName];
      taken.set(node, [choice, ...modest.filter((name) => name !== choice)]);
      return choice;
    },
    restrain(nodes) {
      if (implementation !== undefined) return false;
      let changes = false;
      for (const node of nodes) {
        const [, next, ...others] = taken.get(node) ?? [primitiveName];
        if (next === undefined) continue;
        taken.set(node, [next, ...others]);
        changes = true;
      }
      return changes;
    },
    refused(lowering, node) {
      decided.set(questionOf(lowering, node), primitiveName);
      taken.set(node, [primitiveName]);
    },
    finish() {
      for (const room of Object.values(rooms ?? {})) room.free();
      rooms = undefined;
      if (measures) remember(path, machine, worthKeeping, onNote);
      return {
        mode,
        measured,
        remembered,
        ms,
        choices: Object.fromEntries(decided),
        times: Object.fromEntries([...answers].map(([question, { ms: times }]) => [question, times])),
      };
    },
  };
}

/** Whether an answer knew all the ways that there are, and its choice is still one of them. */
function isCurrent({ among, choice }: Answer, names: readonly string[]): boolean {
  const isKnown = choice === primitiveName || choice.startsWith('library ') || names.includes(choice);
  return isKnown && names.every((name) => among.includes(name));
}

/** Memory for trials of the first choice and of another way, and what drives it all out of the caches. */
type Rooms = Readonly<Record<'own' | 'other' | 'cold', Room>>;

interface Comparison {
  /** Milliseconds of each way that applies. */
  readonly times: ReadonlyMap<string, number>;
  /** False where there was no memory to try some of them. */
  readonly isWhole: boolean;
}

/** Undefined where even the first choice finds no memory for a trial. */
function compare(
  natives: Natives,
  rooms: Rooms,
  lowering: Lowering,
  node: Node,
  ways: Ways,
  names: readonly string[],
): Comparison | undefined {
  const handed = new Map<Value, Layout>();
  let isWhole = true;
  const prepare = (name: string, room: Room): Trial | undefined => {
    const apart = lowering.isolated(natives, handed);
    const primitive = ways.describe(apart, node);
    if (primitive === undefined || !lowerAs(name, apart, node, ways, primitive)) return undefined;
    if (bytesOf(apart.lowered) > memoryShare * process.availableMemory()) {
      isWhole = false;
      return undefined;
    }
    return prepareTrial(natives, apart.lowered, room, rooms.cold);
  };
  const own = prepare(primitiveName, rooms.own);
  if (own === undefined) return undefined;
  own.run();
  const ownTimes: number[] = [];
  const times = new Map<string, number>();
  for (const name of names) {
    const other = prepare(name, rooms.other);
    if (other === undefined) continue;
    other.run();
    const [ownMs, otherMs] = alternate(own, other);
    ownTimes.push(...ownMs);
    times.set(name, ratioOf(otherMs, ownMs));
  }
  const ms = median(ownTimes.length > 0 ? ownTimes : [own.run()]);
  const others = [...times].map(([name, ratio]) => [name, ratio * ms] as const);
  return { times: new Map([[primitiveName, ms], ...others]), isWhole };
}

function fastest(times: ReadonlyMap<string, number>): string {
  const own = times.get(primitiveName) as number;
  const [name, ms] = [...times].reduce((best, next) => (next[1] < best[1] ? next : best));
  return ms < (1 - margin) * own ? name : primitiveName;
}

/** The fastest way that needs no memory of its own, where it is faster than the first choice. */
function frugal({ others }: Ways, answer: Answer | undefined): string[] {
  if (answer === undefined) return [];
  const among = new Set([primitiveName, ...others.filter((way) => way.isFrugal).map(({ name }) => name)]);
  const choice = fastest(new Map(Object.entries(answer.ms).filter(([name]) => among.has(name))));
  return choice === primitiveName ? [] : [choice];
}

function rounded(times: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...times].map(([name, ms]) => [name, Number(ms.toPrecision(4))]));
}
