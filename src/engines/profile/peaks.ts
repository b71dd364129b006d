// What this machine can do, as the engine itself reaches it: multiply-adds of large convolutions and matrix products
// that keep every unit busy, and a copy far larger than the caches. These, not a data sheet, are the limits that a
// profile is held against: a data sheet knows neither the clock under load nor who else is on the machine.
import { createGraph, input, markOutput, state } from '../../graph/graph.ts';
import { convolution, linear, relu } from '../../graph/ops/index.ts';
import { elementCount, type NumericArray, type Shape } from '../../graph/tensor.ts';
import type { ComputeType, Engine } from '../engine.ts';

export interface Peaks {
  /** 10^9 floating-point operations a second, two per multiply-add; the better of convolution and matrix product. */
  readonly gflops: Readonly<Partial<Record<ComputeType, number>>>;
  /** 10^9 bytes a second read and written by a copy, together. */
  readonly copyGBs: number;
}

interface Sizes {
  readonly convolution: { readonly batch: number; readonly channels: number; readonly side: number };
  readonly product: { readonly rows: number; readonly columns: number };
  readonly copied: Shape;
}

/** 5 to 8 GFLOP each, and 64 MiB copied to 64 MiB. */
const large: Sizes = {
  convolution: { batch: 8, channels: 128, side: 28 },
  product: { rows: 1024, columns: 2048 },
  copied: [64, 512, 512],
};
/** For an engine that interprets. */
const small: Sizes = {
  convolution: { batch: 1, channels: 16, side: 14 },
  product: { rows: 32, columns: 128 },
  copied: [16, 128, 128],
};
const runs = 6;

/** Measures on the engine, in about two seconds for a native one. `f64` has no peak of its own. */
export function measurePeaks(engine: Engine): Peaks {
  const sizes = engine.name === 'reference' ? small : large;
  const dtypes = engine.describe().dtypes.filter((dtype) => dtype !== 'f64');
  const gflops = Object.fromEntries(
    dtypes.map((dtype) => [
      dtype,
      Math.max(convolutionPeak(engine, dtype, sizes), productPeak(engine, dtype, sizes)),
    ]),
  );
  return { gflops, copyGBs: copyRate(engine, sizes) };
}

const weights = { kind: 'uniform', bound: 0.05 } as const;

function convolutionPeak(engine: Engine, dtype: ComputeType, sizes: Sizes): number {
  const { batch, channels, side } = sizes.convolution;
  const graph = createGraph();
  const x = input(graph, 'x', [batch, channels, side, side]);
  // A window that Winograd's algorithm is not made for: it multiplies less than is counted. Without zeros around the picture,
  // which are counted too and need not be multiplied.
  const w = state(graph, 'w', [channels, channels, 5, 5], 'parameter', weights);
  markOutput('y', convolution(x, w, undefined));
  return fastest(engine, graph, dtype, 'convolution', ({ macs }) => 2 * macs);
}

function productPeak(engine: Engine, dtype: ComputeType, sizes: Sizes): number {
  const { rows, columns } = sizes.product;
  const graph = createGraph();
  const x = input(graph, 'x', [rows, columns]);
  const w = state(graph, 'w', [columns, columns], 'parameter', weights);
  markOutput('y', linear(x, w));
  return fastest(engine, graph, dtype, 'linear', ({ macs }) => 2 * macs);
}

function copyRate(engine: Engine, sizes: Sizes): number {
  const graph = createGraph();
  const x = input(graph, 'x', sizes.copied);
  // The numbers are positive, so that a ReLU copies them; the input stays, so that it cannot work in place.
  markOutput('y', relu(x));
  markOutput('x', x);
  return fastest(engine, graph, 'f32', 'relu', ({ bytes }) => bytes);
}

/** 10^9 units of work a second of the fastest run of an op. */
function fastest(
  engine: Engine,
  graph: ReturnType<typeof createGraph>,
  dtype: ComputeType,
  op: string,
  workOf: (step: { macs: number; bytes: number }) => number,
): number {
  const program = engine.compile(graph, { dtype, profile: true, autotune: 'on' });
  try {
    const feeds: Record<string, NumericArray> = {};
    for (const [name, { shape }] of graph.inputs)
      feeds[name] = new Float32Array(elementCount(shape)).map((_, i) => (i % 1009) / 1009);
    for (let i = 0; i < runs; i++) program.run(feeds);
    const step = program.report().steps.find((each) => each.op === op);
    if (step === undefined) throw new Error(`The program for the peak of ${op} has no such step.`);
    return workOf(step) / Math.min(...step.times) / 1e6;
  } finally {
    program.dispose();
  }
}
