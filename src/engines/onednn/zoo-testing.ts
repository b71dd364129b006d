// For the tests of the arena over the networks: how far its plan is from the least that any plan can do with.
import { markOutput } from '../../graph/graph.ts';
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

/** What a program would plan; nothing is run. */
export function planOf(
  engine: Engine,
  { network: description, form, what, ...rest }: ArenaRequest,
): MemoryNeed {
  const training = what === 'train';
  const { batch = training ? 4 : 1, recompute } = rest;
  const network = buildNetwork(description, { form, batch, training });
  if (training) buildTrainingStep(network, { optimizer: fast.optimizer });
  else markOutput('logits', network.logits);
  return engine.plan(network.graph, { recompute });
}

/** Arena over lower bound. */
export function arenaRatio(engine: Engine, request: ArenaRequest): number {
  const { arenaBytes, lowerBoundBytes } = planOf(engine, request);
  return arenaBytes / lowerBoundBytes;
}

export const formsOf = ({ forms }: NetworkDescription): Form[] => Object.keys(forms) as Form[];
