// What the tests of profiles share: a report of a program that was never run, with times that are easy to add up.
import type { ProgramReport, StepReport } from '../engine.ts';

export function step(op: string, path: string, more: Partial<StepReport> = {}): StepReport {
  return {
    op,
    path,
    implementation: 'jit',
    ms: 0,
    times: [1],
    macs: 0,
    bytes: 0,
    candidates: [{ implementation: 'jit' }],
    ...more,
  };
}

export function reportOf(steps: readonly StepReport[], more: Partial<ProgramReport> = {}): ProgramReport {
  return {
    engine: { name: 'onednn', library: 'oneDNN 9.9', isa: 'AVX2', threads: 2, dtypes: ['f32'] },
    dtype: 'f32',
    steps,
    runs: 1,
    arenaBytes: 1100,
    lowerBoundBytes: 1000,
    arena: [],
    stateBytes: 0,
    compileMs: 1,
    ...more,
  };
}
