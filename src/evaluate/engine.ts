// An engine from what a caller gave: the engine itself, or a name. The chooser, and with it the native library's
// binding, is loaded only when a name asks for it.
import type { ComputeType, Engine, EngineName } from '../engines/engine.ts';

export interface EngineRequest {
  /** Default 'auto'. */
  readonly engine?: Engine | EngineName | 'auto';
  readonly threads?: number;
  /** Default 'auto'. */
  readonly dtype?: ComputeType | 'auto';
}

export interface ChosenEngine {
  readonly engine: Engine;
  readonly dtype: ComputeType;
  /** Worth telling the user, a sentence each. */
  readonly notes: readonly string[];
}

/** The engine and the compute type to use. Throws a UserError where the wish cannot be met. */
export async function resolveEngine(request: EngineRequest): Promise<ChosenEngine> {
  const { engine = 'auto', threads, dtype = 'auto' } = request;
  if (typeof engine === 'object' && dtype !== 'auto') return { engine, dtype, notes: [] };
  const { chooseDtype, chooseEngine } = await import('../engines/choose.ts');
  const chosen = typeof engine === 'object' ? { engine, notes: [] } : chooseEngine(engine, { threads });
  return { engine: chosen.engine, dtype: chooseDtype(chosen.engine, dtype), notes: chosen.notes };
}
