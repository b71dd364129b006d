// For the tests over the networks: how far the plan of the arena is from the least that any plan can do with, and which
// steps the library would compute by its definition.
import { type Graph, markOutput } from '../../graph/graph.ts';
import { buildNetwork, type Form, type NetworkDescription } from '../../nets/network.ts';
import { fast } from '../../train/recipes/fast.ts';
import { buildTrainingStep } from '../../train/step.ts';
import type { CompileOptions, Engine, MemoryNeed } from '../engine.ts';

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

/** Arena over lower bound. */
export function arenaRatio(engine: Engine, request: ArenaRequest): number {
  const { arenaBytes, lowerBoundBytes } = planOf(engine, request);
  return arenaBytes / lowerBoundBytes;
}

export const formsOf = ({ forms }: NetworkDescription): Form[] => Object.keys(forms) as Form[];
