// Where the time of a step goes: by step, by op and by module, each with the work that it is and the speed at which
// it is done, held against what the machine can do. The model is the roofline (Williams, Waterman and Patterson,
// CACM 2009): work of F operations over B bytes takes at least max(F / peak, B / bandwidth).
import { median } from '../../median.ts';
import type { ComputeType, ProgramReport, StepReport } from '../engine.ts';
import type { Peaks } from './peaks.ts';

export type Phase = 'forward' | 'backward' | 'update';

/** Work and the time that it took, medians over the profiled runs. */
export interface Rate {
  readonly ms: number;
  /** Of the time of all steps, in percent. */
  readonly share: number;
  /** Floating-point operations, two per multiply-add of convolutions and linear layers; others count nothing. */
  readonly flops: number;
  /** Read and written, each tensor counted once. */
  readonly bytes: number;
  /** 10^9 operations and bytes a second. */
  readonly gflops: number;
  readonly gbs: number;
  /**
   * The least time that the roofline allows over the time taken, in percent. Above 100 where caches serve what the
   * model fetches from memory.
   */
  readonly ofRoof: number;
}

export interface ProfiledStep extends Rate {
  readonly op: string;
  readonly path: string;
  readonly phase: Phase;
  readonly implementation: string;
  /** What else the library offers, in its order; `ms` where it was measured by itself. */
  readonly candidates: StepReport['candidates'];
}

export interface ProfiledOp extends Rate {
  readonly op: string;
  readonly implementation: string;
  readonly count: number;
}

export interface ProfiledLayer extends Rate {
  /** `layer3.0.conv1`; empty for what belongs to no module. */
  readonly path: string;
  /** 1 for a module of the network itself, 2 for its parts, and so on. Each level holds the whole of those below it. */
  readonly level: number;
  readonly count: number;
  readonly phaseMs: Readonly<Record<Phase, number>>;
}

export interface Profile {
  readonly dtype: ComputeType;
  readonly peaks: Peaks;
  /** Of all steps together, ms. */
  readonly ms: number;
  /** All by time, the most costly first; layers in the order of the network. */
  readonly steps: readonly ProfiledStep[];
  readonly ops: readonly ProfiledOp[];
  readonly layers: readonly ProfiledLayer[];
  readonly arena: { readonly bytes: number; readonly lowerBoundBytes: number; readonly ratio: number };
}

const updates: ReadonlySet<string> = new Set([
  'sgd',
  'accumulate',
  'averageWeights',
  'clipFilters',
  'clipNorm',
  'update',
]);

export function phaseOf(op: string): Phase {
  if (updates.has(op)) return 'update';
  return op.includes('Backward') ? 'backward' : 'forward';
}

/** Of the last `runs` runs of a program that was compiled with `profile`. */
export function profileOf(report: ProgramReport, peaks: Peaks, runs: number): Profile {
  const parts = report.steps.map((step) => ({
    step,
    ms: step.times.length > 0 ? median(step.times.slice(-runs)) : 0,
    flops: 2 * step.macs,
    bytes: step.bytes,
  }));
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  const rate = (group: readonly (typeof parts)[number][]): Rate => {
    const sum = (key: 'ms' | 'flops' | 'bytes'): number => group.reduce((all, part) => all + part[key], 0);
    const [ms, flops, bytes] = [sum('ms'), sum('flops'), sum('bytes')];
    const perMs = (work: number): number => (ms > 0 ? work / ms / 1e6 : 0);
    const least = group.reduce((all, part) => all + leastMs(part, report.dtype, peaks), 0);
    return {
      ms,
      share: total > 0 ? (100 * ms) / total : 0,
      flops,
      bytes,
      gflops: perMs(flops),
      gbs: perMs(bytes),
      ofRoof: ms > 0 ? (100 * least) / ms : 0,
    };
  };
  const bySpent = (a: Rate, b: Rate): number => b.ms - a.ms;
  const ops = [...Map.groupBy(parts, ({ step }) => `${step.op} ${step.implementation}`).values()];
  return {
    dtype: report.dtype,
    peaks,
    ms: total,
    steps: parts
      .map((part) => {
        const { op, path, implementation, candidates } = part.step;
        return { op, path, phase: phaseOf(op), implementation, candidates, ...rate([part]) };
      })
      .sort(bySpent),
    ops: ops
      .map((group) => {
        const { op, implementation } = (group[0] as (typeof parts)[number]).step;
        return { op, implementation, count: group.length, ...rate(group) };
      })
      .sort(bySpent),
    layers: modulesOf(report.steps).map((path) => {
      const group = parts.filter(({ step }) => belongsTo(step.path, path));
      const phaseMs = { forward: 0, backward: 0, update: 0 };
      for (const { step, ms } of group) phaseMs[phaseOf(step.op)] += ms;
      return { path, level: path.split('.').length, count: group.length, phaseMs, ...rate(group) };
    }),
    arena: {
      bytes: report.arenaBytes,
      lowerBoundBytes: report.lowerBoundBytes,
      ratio: report.lowerBoundBytes > 0 ? report.arenaBytes / report.lowerBoundBytes : 1,
    },
  };
}

/** The least time that the roofline allows a step. */
function leastMs(
  { flops, bytes }: { flops: number; bytes: number },
  dtype: ComputeType,
  peaks: Peaks,
): number {
  const peak = peaks.gflops[dtype] ?? Number.POSITIVE_INFINITY;
  return Math.max(flops / peak, bytes / peaks.copyGBs) / 1e6;
}

function belongsTo(path: string, module: string): boolean {
  return path === module || (module !== '' && path.startsWith(`${module}.`));
}

/** All module paths at every level, each after the one that it is part of, in the order in which they first run. */
function modulesOf(steps: readonly StepReport[]): string[] {
  const found: string[] = [];
  const add = (path: string): void => {
    if (found.includes(path)) return;
    const parent = path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : undefined;
    if (parent === undefined) {
      found.push(path);
      return;
    }
    add(parent);
    found.splice(found.findLastIndex((other) => belongsTo(other, parent)) + 1, 0, path);
  };
  for (const { path } of steps) add(path);
  return found;
}
