// Which engine and which compute type a run gets: what was asked for, or the best that is here, and in that
// case never silently less than one would expect.
import { UserError } from '../errors.ts';
import type { ComputeType, Engine, EngineName } from './engine.ts';
import { tryCreateOneDnnEngine } from './onednn/index.ts';
import { installHint } from './onednn/install-hint.ts';
import { createReferenceEngine } from './reference/index.ts';

export interface Choice {
  readonly engine: Engine;
  /** Sentences that the user should read, e.g. that oneDNN is missing and how to get it. */
  readonly notes: readonly string[];
}

/** `auto` takes oneDNN where it is installed, else the reference engine with a note that says so. */
export function chooseEngine(name: EngineName | 'auto', options: { threads?: number } = {}): Choice {
  if (name === 'reference') return { engine: createReferenceEngine(), notes: [] };
  const { engine, reason } = tryCreateOneDnnEngine(options);
  if (engine !== undefined) return { engine, notes: [] };
  if (name === 'onednn') throw new UserError(`${reason}. ${installHint()}`);
  const note = `${reason}, so the slow reference engine runs instead. ${installHint()}`;
  return { engine: createReferenceEngine(), notes: [note] };
}

/** `auto`: bf16 where the CPU multiplies it natively, else f32. */
export function chooseDtype(engine: Engine, dtype: ComputeType | 'auto'): ComputeType {
  const { dtypes, isa, library } = engine.describe();
  if (dtype === 'auto') return engine.name === 'reference' ? 'f32' : (dtypes[0] ?? 'f32');
  if (dtypes.includes(dtype)) return dtype;
  throw new UserError(
    `${library ?? 'The reference engine'} does not compute in ${dtype} on this CPU (${isa ?? 'any'}); ` +
      `it offers ${dtypes.join(', ')}. Use --dtype auto.`,
    { exitCode: 2 },
  );
}
