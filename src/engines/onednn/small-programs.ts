// Threads have to meet before and behind every step, which takes microseconds between two cores of a virtual machine. Networks
// whose layers take no longer, LeNet's at small batches, are compiled for one thread and run on it, unless a number of threads was asked for.
import { type Graph, liveNodes } from '../../graph/graph.ts';
import type { EngineDescription, Program } from '../engine.ts';
import { multiplyAddsOf } from '../profile/work.ts';
import type { Library } from './library.ts';

/** Multiply-adds of a layer, on average, from which on two threads are faster (`laurel bench infer lenet --batch 8`). */
const enoughForTwo = 600_000;

/** True for a network of small layers; an op by itself is none. */
export function isSmall(graph: Graph): boolean {
  const layers = liveNodes(graph)
    .map(multiplyAddsOf)
    .filter((count) => count > 0);
  const total = layers.reduce((sum, count) => sum + count, 0);
  return layers.length > 1 && total < enoughForTwo * layers.length;
}

/** What `work` gives with an engine of one thread; behind it there are as many as before. */
export function onOneThread<T>(
  library: Library,
  engine: EngineDescription,
  work: (engine: EngineDescription) => T,
): T {
  library.threads(1);
  try {
    return work({ ...engine, threads: 1 });
  } finally {
    library.threads(engine.threads);
  }
}

/** A program that is compiled for one thread and runs on it. */
export function programOnOneThread(
  library: Library,
  engine: EngineDescription,
  compile: (engine: EngineDescription) => Program,
): Program {
  const alone = <T>(work: () => T): T => onOneThread(library, engine, work);
  const program = onOneThread(library, engine, compile);
  return {
    ...program,
    run: (feeds) => alone(() => program.run(feeds)),
    read: (name) => alone(() => program.read(name)),
    write: (name, values) => alone(() => program.write(name, values)),
    report: () => alone(() => program.report()),
  };
}
