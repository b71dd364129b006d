// For the tests over the networks: how far the plan of the arena is from the least that any plan can do with, and which
// steps the library would compute by its definition.
import { type Graph, markOutput, type Value } from '../../graph/graph.ts';
import { normals } from '../../graph/random.ts';
import { buildNetwork, type Form, type NetworkDescription } from '../../nets/network.ts';
import { fast } from '../../train/recipes/fast.ts';
import { buildTrainingStep } from '../../train/step.ts';
import type { CompileOptions, ComputeType, Engine, MemoryNeed } from '../engine.ts';

export interface ArenaRequest {
  readonly network: NetworkDescription;
  readonly form: Form;
  readonly what: 'train' | 'infer';
  /** Default 4 to train, 1 to infer. */
  readonly batch?: number;
  readonly recompute?: CompileOptions['recompute'];
}

function graphOf({ network: description, form, what, batch }: ArenaRequest): Graph {
  const training = what === 'train';
  const network = buildNetwork(description, { form, batch: batch ?? (training ? 4 : 1), training });
  if (training) buildTrainingStep(network, { optimizer: fast.optimizer });
  else markOutput('logits', network.logits);
  return network.graph;
}

/** What a program would plan; nothing is run. */
export function planOf(engine: Engine, request: ArenaRequest): MemoryNeed {
  return engine.plan(graphOf(request), { recompute: request.recompute });
}

/** Steps that fell to the library's reference implementations, which are a hundred times slower than the others. */
export function referenceSteps(engine: Engine, request: ArenaRequest): string[] {
  const program = engine.compile(graphOf(request));
  try {
    return program
      .report()
      .steps.filter(({ implementation }) => /(^|_)ref\b/.test(implementation))
      .map(({ op, path, implementation }) => `${op} at ${path}: ${implementation}`);
  } finally {
    program.dispose();
  }
}

/** How far logits are from those in f32 for a picture of seeded noise: norm of the difference by norm. */
export interface Apart {
  readonly inBf16: number;
  /** In f32, of a picture whose numbers are off by as much as bf16 rounds: deep networks with gates enlarge it. */
  readonly ofRoundedPicture: number;
}

export function logitsApart(engine: Engine, network: NetworkDescription, form: Form): Apart {
  const graph = graphOf({ network, form, what: 'infer' });
  const [[name, { shape }]] = graph.inputs as unknown as [[string, Value]];
  const picture = normals(
    1,
    1,
    shape.reduce((all, size) => all * size, 1),
  );
  const off = normals(2, 1, picture.length);
  const logitsIn = (dtype: ComputeType, data: Float64Array): number[] => {
    const program = engine.compile(graph, { dtype, seed: 1 });
    try {
      return [...(program.run({ [name]: data }).logits ?? [])];
    } finally {
      program.dispose();
    }
  };
  const full = logitsIn('f32', picture);
  const apart = (other: readonly number[]): number =>
    Math.hypot(...full.map((value, i) => value - (other[i] ?? Number.NaN))) / Math.hypot(...full);
  return {
    inBf16: apart(logitsIn('bf16', picture)),
    ofRoundedPicture: apart(
      logitsIn(
        'f32',
        picture.map((value, i) => value * (1 + 2 ** -8 * (off[i] ?? 0))),
      ),
    ),
  };
}

/** Arena over lower bound. */
export function arenaRatio(engine: Engine, request: ArenaRequest): number {
  const { arenaBytes, lowerBoundBytes } = planOf(engine, request);
  return arenaBytes / lowerBoundBytes;
}

export const formsOf = ({ forms }: NetworkDescription): Form[] => Object.keys(forms) as Form[];
