// What a program says of itself: how long each step took in the last runs, what work it is, and what lies in the
// arena when. Times are kept run by run, so that a reader may take medians or draw one run after another.
import { elementCount } from '../../graph/tensor.ts';
import type { ArenaBlock, Candidate, StepReport } from '../engine.ts';
import { multiplyAddsOf } from '../profile/work.ts';
import { argument } from './abi.ts';
import type { Step, Storage, Tensor } from './lowering.ts';

/** Runs whose times are kept. */
const keptRuns = 64;

export interface Stopwatch {
  /** Runs all steps and notes how long each took. */
  run(): void;
  /** Milliseconds of each step, for each of the last runs, the oldest first. */
  times(): readonly Float64Array[];
}

export function createStopwatch(steps: readonly (() => void)[]): Stopwatch {
  const kept: Float64Array[] = [];
  return {
    run() {
      const milliseconds = kept.length < keptRuns ? new Float64Array(steps.length) : kept.shift();
      if (milliseconds === undefined) return;
      let before = performance.now();
      steps.forEach((step, i) => {
        step();
        const after = performance.now();
        milliseconds[i] = after - before;
        before = after;
      });
      kept.push(milliseconds);
    },
    times: () => kept,
  };
}

export function describeSteps(
  steps: readonly Step[],
  runs: readonly Float64Array[],
  candidatesOf: (step: Step) => readonly Candidate[],
): StepReport[] {
  const isWhole = (step: Step): boolean => step.node?.op.name === step.op;
  const parts = Map.groupBy(steps.filter(isWhole), ({ node }) => node);
  return steps.map((step, i) => {
    const times = runs.map((milliseconds) => milliseconds[i] as number);
    // A node that several steps compute shares its multiply-adds among them.
    const macs = step.node && isWhole(step) ? multiplyAddsOf(step.node) : 0;
    return {
      op: step.op,
      path: pathOf(step),
      implementation: implementationOf(step),
      ms: times.length > 0 ? times.reduce((sum, ms) => sum + ms, 0) / times.length : 0,
      times,
      macs: macs / (parts.get(step.node)?.length ?? 1),
      bytes: bytesOf(step),
      candidates: candidatesOf(step),
    };
  });
}

function implementationOf(step: Step): string {
  if (step.kind === 'host') return 'host';
  if (step.kind === 'code') return step.implementation;
  return step.op === 'reorder' ? 'reorder' : step.descriptor.implementation;
}

/** The module; for what works on a weight outside of any module, as optimisers do, the one that the weight belongs to. */
function pathOf({ path, node }: Step): string {
  if (path !== '' || node === undefined) return path;
  const source = node.inputs.map((value) => value.source).find(({ kind }) => kind === 'state');
  return source?.kind === 'state' && source.role !== 'buffer' ? moduleOf(source.name) : path;
}

function moduleOf(state: string): string {
  return state.slice(0, Math.max(0, state.lastIndexOf('.')));
}

/** Scratchpads left out: how often they are gone over is the primitive's own affair. */
function bytesOf(step: Step): number {
  const tensors =
    step.kind === 'primitive'
      ? step.arguments.filter(([number]) => number !== argument.scratchpad).map(([, tensor]) => tensor)
      : [...step.reads, ...step.writes];
  // A part of a tensor, as concatenation writes it, counts for its own elements, not for the whole.
  const sizes = [...new Set(tensors)].map(({ layout }) => {
    const bytesPerElement = layout.type === 'bf16' ? 2 : layout.type === 'u8' || layout.type === 's8' ? 1 : 4;
    return elementCount(layout.dims) * bytesPerElement;
  });
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Everything that the arena holds, in the order in which it is filled; a result in place is a block of its own. */
export function describeArena(steps: readonly Step[], inputs: ReadonlyMap<string, Tensor>): ArenaBlock[] {
  const blocks = new Map<Storage, ArenaBlock & { last: number }>();
  const touch = ({ storage }: Tensor, i: number, op: string, path: string): void => {
    if (storage.place !== 'arena') return;
    const known = blocks.get(storage);
    if (known !== undefined) known.last = Math.max(known.last, i);
    else
      blocks.set(storage, {
        offset: storage.offset,
        bytes: storage.bytes,
        first: i,
        last: i,
        op,
        path,
      });
  };
  for (const [name, tensor] of inputs) touch(tensor, -1, 'input', name);
  steps.forEach((step, i) => {
    for (const tensor of step.reads) touch(tensor, i, step.op, pathOf(step));
    const scratchpad =
      step.kind === 'primitive'
        ? step.arguments.find(([number]) => number === argument.scratchpad)?.[1]
        : undefined;
    for (const tensor of step.writes)
      touch(tensor, i, tensor === scratchpad ? 'scratchpad' : step.op, pathOf(step));
  });
  return [...blocks.values()];
}
