// The oneDNN engine: finds the library, says what it and this CPU can do, and compiles graphs to programs.
import type { Graph } from '../../graph/graph.ts';
import type { Engine, EngineDescription } from '../engine.ts';
import { computeTypes, effectiveIsa, isaName } from './isa.ts';
import { type Library, openLibrary } from './library.ts';
import { compileProgram, planMemoryOf } from './program.ts';
import { isSmall, onOneThread, programOnOneThread } from './small-programs.ts';

export interface OneDnnOptions {
  /** Threads of the native kernels; default: all cores, and one for networks of small layers. */
  readonly threads?: number;
}

export function createOneDnnEngine(library: Library, options: OneDnnOptions = {}): Engine {
  const isa = effectiveIsa(library);
  const description: EngineDescription = {
    name: 'onednn',
    library: `oneDNN ${library.version}`,
    path: library.path,
    isa: isaName(isa, library.major),
    threads: library.threads(options.threads ?? 0),
    dtypes: computeTypes(isa),
  };
  const onOne = (graph: Graph): boolean => options.threads === undefined && isSmall(graph);
  return {
    name: 'onednn',
    describe: () => description,
    plan(graph, planOptions = {}) {
      const plan = (engine: EngineDescription) => planMemoryOf(library, engine, graph, planOptions);
      return onOne(graph) ? onOneThread(library, description, plan) : plan(description);
    },
    compile(graph, compileOptions = {}) {
      const compile = (engine: EngineDescription) => compileProgram(library, engine, graph, compileOptions);
      return onOne(graph) ? programOnOneThread(library, description, compile) : compile(description);
    },
  };
}

let opened: Library | Error | undefined;

/** The engine, or the reason why there is none here. */
export function tryCreateOneDnnEngine(options: OneDnnOptions = {}): { engine?: Engine; reason?: string } {
  if (opened === undefined) {
    try {
      opened = openLibrary();
    } catch (error) {
      opened = error as Error;
    }
  }
  return opened instanceof Error
    ? { reason: opened.message }
    : { engine: createOneDnnEngine(opened, options) };
}
