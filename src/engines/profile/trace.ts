// The runs of a program as a trace that chrome://tracing and Perfetto load: the JSON object form of the Trace Event
// Format (Google, "Trace Event Format"), complete events ("ph": "X") with times in microseconds, on one row for the
// runs and one for the steps inside them.
import type { ProgramReport } from '../engine.ts';
import { phaseOf } from './profile.ts';

interface TraceEvent {
  readonly name: string;
  /** Categories, by which viewers filter. */
  readonly cat?: string;
  /** X: has a start and a duration; M: says what a process or thread is called. */
  readonly ph: 'X' | 'M';
  readonly ts?: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, string | number>>;
}

export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string | number>>;
}

const pid = 1;
const rows = { runs: 1, steps: 2 } as const;

/** The profiled runs one after another; what passes between two runs is not shown. `name` titles the process. */
export function traceOf(report: ProgramReport, name: string): Trace {
  const events: TraceEvent[] = [
    { name: 'process_name', ph: 'M', pid, tid: 0, args: { name } },
    { name: 'thread_name', ph: 'M', pid, tid: rows.runs, args: { name: 'runs' } },
    { name: 'thread_name', ph: 'M', pid, tid: rows.steps, args: { name: 'steps' } },
  ];
  const runs = Math.max(0, ...report.steps.map(({ times }) => times.length));
  // Whole nanoseconds: viewers nest events by their ends, which fractions beyond that would let stick out.
  let now = 0;
  for (let run = 0; run < runs; run++) {
    const start = now;
    const inside = report.steps.map((step): TraceEvent => {
      const duration = Math.max(0, Math.round((step.times[run] ?? 0) * 1e6));
      const { op, path, implementation, macs, bytes } = step;
      const event: TraceEvent = {
        name: path === '' ? op : `${op} ${path}`,
        cat: phaseOf(op),
        ph: 'X',
        ts: now / 1000,
        dur: duration / 1000,
        pid,
        tid: rows.steps,
        args: { op, path, implementation, flops: 2 * macs, bytes },
      };
      now += duration;
      return event;
    });
    events.push({
      name: `run ${run + 1}`,
      cat: 'run',
      ph: 'X',
      ts: start / 1000,
      dur: (now - start) / 1000,
      pid,
      tid: rows.runs,
      args: { steps: report.steps.length },
    });
    events.push(...inside);
  }
  const { library, isa, threads, name: engine } = report.engine;
  const otherData = { engine: library ?? engine, isa: isa ?? '', threads, dtype: report.dtype };
  return { traceEvents: events, displayTimeUnit: 'ms', otherData };
}
