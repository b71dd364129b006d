// An engine from what a caller gave: the engine itself, or a name. The chooser, and with it the native library's
// binding, is loaded only when a name asks for it.
import type { Autotune, ComputeType, Engine, EngineName } from '../engines/engine.ts';

export interface EngineRequest {
  /** Default 'auto'. */
  readonly engine?: Engine | EngineName | 'auto';
  readonly threads?: number;
  /** Default 'auto'. */
  readonly dtype?: ComputeType | 'auto';
  /** How programs choose among ways to compute an op, where they do not say it themselves; default 'off'. */
  readonly autotune?: Autotune | undefined;
  /** Told of what does not stop a compilation. */
  readonly onNote?: ((message: string) => void) | undefined;
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
  if (typeof engine === 'object' && dtype !== 'auto')
    return { engine: tuned(engine, request), dtype, notes: [] };
  const { chooseDtype, chooseEngine } = await import('../engines/choose.ts');
  const chosen = typeof engine === 'object' ? { engine, notes: [] } : chooseEngine(engine, { threads });
  return {
    engine: tuned(chosen.engine, request),
    dtype: chooseDtype(chosen.engine, dtype),
    notes: chosen.notes,
  };
}

/** The same engine, whose programs choose as was asked for. */
function tuned(engine: Engine, { autotune = 'off', onNote }: EngineRequest): Engine {
  if (autotune === 'off') return engine;
  return { ...engine, compile: (graph, options) => engine.compile(graph, { autotune, onNote, ...options }) };
}
