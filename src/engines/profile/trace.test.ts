import { describe, expect, it } from 'vitest';
import { reportOf, step } from './testing.ts';
import { traceOf } from './trace.ts';

const report = reportOf([
  step('convolution', 'conv1', { times: [2, 3], macs: 1e6, bytes: 4096, implementation: 'jit' }),
  step('reluBackward', '', { times: [1, 0.5] }),
]);
const trace = traceOf(report, 'laurel: lenet');
const complete = trace.traceEvents.filter(({ ph }) => ph === 'X');
const inside = complete.filter(({ cat }) => cat !== 'run');
const runs = complete.filter(({ cat }) => cat === 'run');

describe('traceOf', () => {
  it('names the process and its two rows', () => {
    const named = trace.traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args.name);
    expect(named).toEqual(['laurel: lenet', 'runs', 'steps']);
    expect(trace.otherData).toEqual({ engine: 'oneDNN 9.9', isa: 'AVX2', threads: 2, dtype: 'f32' });
  });

  it('has every step of every run, one after another, in microseconds', () => {
    expect(inside.map(({ name, ts, dur }) => [name, ts, dur])).toEqual([
      ['convolution conv1', 0, 2000],
      ['reluBackward', 2000, 1000],
      ['convolution conv1', 3000, 3000],
      ['reluBackward', 6000, 500],
    ]);
    expect(inside.map(({ cat }) => cat)).toEqual(['forward', 'backward', 'forward', 'backward']);
    expect(inside[0]?.args).toEqual({
      op: 'convolution',
      path: 'conv1',
      implementation: 'jit',
      flops: 2e6,
      bytes: 4096,
    });
  });

  it('encloses the steps of a run in the run', () => {
    expect(runs.map(({ ts, dur }) => [ts, dur])).toEqual([
      [0, 3000],
      [3000, 3500],
    ]);
  });

  it('lets no step stick out of its run, however odd its times', () => {
    const times = Array.from({ length: 50 }, (_, i) => 1 / (3 + i));
    const odd = traceOf(reportOf([step('relu', 'a', { times }), step('relu', 'b', { times })]), 'odd');
    const events = odd.traceEvents.filter(({ ph }) => ph === 'X');
    const ends = (cat: boolean) =>
      events
        .filter((event) => (event.cat === 'run') === cat)
        .map(({ ts = 0, dur = 0 }) => Math.round(1000 * (ts + dur)));
    const last = ends(false).filter((_, i) => i % 2 === 1);
    expect(last).toEqual(ends(true));
  });

  it('is JSON, also of a program that never ran', () => {
    const empty = traceOf(reportOf([step('relu', 'a', { times: [] })]), 'none');
    expect(JSON.parse(JSON.stringify(empty)).traceEvents).toHaveLength(3);
  });
});
