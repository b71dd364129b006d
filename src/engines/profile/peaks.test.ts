// Peaks of an engine that pretends: its steps take times that are known, so that the arithmetic is exact.
import { describe, expect, it } from 'vitest';
import { macsOf } from '../../graph/cost.ts';
import { elementCount } from '../../graph/tensor.ts';
import type { ComputeType, Engine, EngineDescription, Program } from '../engine.ts';
import { createReferenceEngine } from '../reference/index.ts';
import { measurePeaks } from './peaks.ts';
import { reportOf, step } from './testing.ts';

interface Pretence {
  readonly dtypes: readonly ComputeType[];
  /** Milliseconds of a run, by run, op and type. */
  ms(run: number, op: string, dtype: ComputeType): number;
}

function pretend({ dtypes, ms }: Pretence): { engine: Engine; disposed: () => number } {
  let disposed = 0;
  const description: EngineDescription = { name: 'onednn', threads: 2, dtypes };
  const engine: Engine = {
    name: 'onednn',
    describe: () => description,
    plan: () => ({ arenaBytes: 0, lowerBoundBytes: 0 }),
    compile(graph, { dtype = 'f32' } = {}): Program {
      let runs = 0;
      return {
        graph,
        run() {
          runs++;
          return {};
        },
        read: () => new Float32Array(),
        write: () => {},
        report: () =>
          reportOf(
            graph.nodes.map((node) =>
              step(node.op.name, node.path, {
                macs: macsOf(node),
                bytes: [...node.inputs, ...node.outputs].reduce(
                  (sum, { shape }) => sum + 4 * elementCount(shape),
                  0,
                ),
                times: Array.from({ length: runs }, (_, i) => ms(i, node.op.name, dtype)),
              }),
            ),
          ),
        dispose() {
          disposed++;
        },
      };
    },
  };
  return { engine, disposed: () => disposed };
}

// The large convolution: 8 pictures of 28x28 with 128 channels, 5x5 to 24x24; the product: 1024 rows, 2048 x 2048.
const convolutionFlops = 2 * 8 * 128 * 24 * 24 * 128 * 25;
const productFlops = 2 * 1024 * 2048 * 2048;
const copiedBytes = 2 * 4 * 64 * 512 * 512;

describe('measurePeaks', () => {
  it('takes the fastest run, and the better of convolution and product', () => {
    const times = { convolution: 40, linear: 100, relu: 8 };
    const { engine, disposed } = pretend({
      dtypes: ['f32'],
      ms: (run, op) => times[op as keyof typeof times] * (run === 3 ? 1 : 2),
    });
    const { gflops, copyGBs } = measurePeaks(engine);
    expect(gflops.f32).toBeCloseTo(convolutionFlops / 40 / 1e6, 6);
    expect(copyGBs).toBeCloseTo(copiedBytes / 8 / 1e6, 6);
    expect(disposed()).toBe(3);
  });

  it('measures each compute type by itself, and none for f64', () => {
    const { engine } = pretend({
      dtypes: ['bf16', 'f32', 'f64'],
      ms: (_, op, dtype) => (op === 'linear' ? 10 : 1000) * (dtype === 'bf16' ? 1 : 4),
    });
    const { gflops } = measurePeaks(engine);
    expect(Object.keys(gflops)).toEqual(['bf16', 'f32']);
    expect(gflops.bf16).toBeCloseTo(productFlops / 10 / 1e6, 6);
    expect(gflops.f32).toBeCloseTo(productFlops / 40 / 1e6, 6);
  });

  it('runs on an engine that interprets, in reasonable time', () => {
    const { gflops, copyGBs } = measurePeaks(createReferenceEngine());
    expect(gflops.f32).toBeGreaterThan(0);
    expect(gflops).not.toHaveProperty('f64');
    expect(copyGBs).toBeGreaterThan(0);
  });
});
