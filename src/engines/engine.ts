// The contract between graphs and whatever runs them. `reference` interprets the definitions; `onednn`
// compiles to native kernels; others may follow. An engine owns the numbers: state (weights, statistics,
// momentum) lives in a program between runs and is read and written by name in plain row-major layout.
//
// Misuse is an Error that names the op or the feed, what it got and what it expected, raised before any
// native call; it is never a crash of the process.
import type { Graph } from '../graph/graph.ts';
import type { NumericArray } from '../graph/tensor.ts';

export type EngineName = 'reference' | 'onednn';
/** The type that activations are computed in; `f64` only on the reference engine, for checking gradients. */
export type ComputeType = 'f32' | 'bf16' | 'f64';

export interface EngineDescription {
  readonly name: EngineName;
  /** The library and its version, `oneDNN 2.6.3`, and the file it was loaded from; absent for the reference. */
  readonly library?: string;
  readonly path?: string;
  /** Instruction set that the library uses on this CPU, e.g. `AVX2`. */
  readonly isa?: string;
  readonly threads: number;
  /** Compute types that run natively here, best first. */
  readonly dtypes: readonly ComputeType[];
}

export type Autotune = 'off' | 'on' | 'full';

/** Weights that a program is given once and that nobody changes. */
export interface FixedWeights {
  /** The numbers of a state in plain layout; not asked for where the engine has what it makes of them from before. */
  read(name: string): Float32Array;
  /**
   * Equal for equal numbers of equal graphs: the engine may keep on disk, under this name, what it makes of them.
   * Undefined: nothing is kept.
   */
  readonly identity?: string | undefined;
}

export interface CompileOptions {
  /** Default f32. */
  readonly dtype?: ComputeType;
  /** Initial values of random states; default 0. */
  readonly seed?: number;
  /**
   * Measure each step of each run, for `report`. `full`: also measure, when a report is asked for, the implementations
   * that the library offers beside the chosen one, each by itself.
   */
  readonly profile?: boolean | 'full';
  /**
   * What of a training step the backward pass computes again instead of having it kept: nothing; what costs memory
   * traffic only (batch norm, ReLU, sums); or by segments of the network, convolutions too (checkpointing), for the
   * least memory. Default: what the engine finds cheap enough, in about 2 % of a step's time by its estimate.
   */
  readonly recompute?: 'none' | 'cheap' | 'segments' | undefined;
  /**
   * Where an op can be computed in several ways: `off` (default) takes the library's first choice, `on` the fastest,
   * measured where it is not remembered from before on this machine, `full` measures all anew.
   */
  readonly autotune?: Autotune | undefined;
  /** The choices of another process (`AutotuneReport.choices`), to compute alike; then nothing is measured. */
  readonly choices?: Readonly<Record<string, string>> | undefined;
  /** The name of a way that every op that has it takes; for tests. */
  readonly implementation?: string | undefined;
  /** Told of what does not stop a compilation, a sentence each: measurements that cannot be read or kept. */
  readonly onNote?: ((message: string) => void) | undefined;
  /** All states, for good: `write` is an error then. Only for graphs without updates. */
  readonly weights?: FixedWeights | undefined;
  /** Called between the steps of a run, where there is something else to keep going: messages that are under way. */
  readonly betweenSteps?: (() => void) | undefined;
}

/** An implementation that could compute a step. */
export interface Candidate {
  readonly implementation: string;
  /** With `full`: the fastest of a few runs by itself, in the layouts that it likes; reorders around it not counted. */
  readonly ms?: number;
}

export interface StepReport {
  readonly op: string;
  readonly path: string;
  /** What computes it: the library's implementation name, `host` for the op's own definition, or `reorder`. */
  readonly implementation: string;
  /** Mean over the profiled runs (the last of them, where there were many); 0 without `profile`. */
  readonly ms: number;
  /** Milliseconds of each of these runs, the oldest first. */
  readonly times: readonly number[];
  /** Multiply-adds of a run, for convolutions, linear layers and their gradients. */
  readonly macs: number;
  /** Size of what it reads and writes, each tensor counted once, whether memory or a cache serves it. */
  readonly bytes: number;
  /** With `profile`: what the library offers for this step, the chosen one first. */
  readonly candidates: readonly Candidate[];
}

/** A stretch of the arena and the steps between which it holds something; -1 is before the first step. */
export interface ArenaBlock {
  readonly offset: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  /** The step that fills it: its op (`input` for what is fed, `scratchpad` for what a primitive notes) and path. */
  readonly op: string;
  readonly path: string;
}

/** How ways to compute ops were chosen. Questions name an op with its type and sizes; ways are named as in docs/engine.md. */
export interface AutotuneReport {
  readonly mode: Autotune;
  /** Questions answered by a measurement, and from memory. */
  readonly measured: number;
  readonly remembered: number;
  /** Time that measuring took, a part of `compileMs`. */
  readonly ms: number;
  /** The way chosen for each question; `primitive` is the library's first choice. */
  readonly choices: Readonly<Record<string, string>>;
  /** Milliseconds of each way, by question, as measured at present or before. */
  readonly times: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface ProgramReport {
  readonly engine: EngineDescription;
  readonly dtype: ComputeType;
  readonly steps: readonly StepReport[];
  readonly runs: number;
  /** Memory planned for activations and scratch, and kept for state. */
  readonly arenaBytes: number;
  /** The most that is alive at one step: no plan needs less. */
  readonly lowerBoundBytes: number;
  readonly arena: readonly ArenaBlock[];
  readonly stateBytes: number;
  readonly compileMs: number;
  /** Where there was something to choose. */
  readonly autotune?: AutotuneReport | undefined;
}

export interface Program {
  readonly graph: Graph;
  /** Runs once. Feeds are plain row-major; the result holds every output of the graph, freshly allocated. */
  run(feeds?: Readonly<Record<string, NumericArray>>): Record<string, NumericArray>;
  /** A copy of a state in plain layout. */
  read(name: string): Float32Array;
  write(name: string, values: ArrayLike<number>): void;
  report(): ProgramReport;
  /** Gives native memory back; the program cannot run afterwards. */
  dispose(): void;
}

/** In bytes, as in a report. */
export interface MemoryNeed {
  readonly arenaBytes: number;
  readonly lowerBoundBytes: number;
}

export interface Engine {
  readonly name: EngineName;
  describe(): EngineDescription;
  /** The memory that `compile` would plan, without taking it. */
  plan(graph: Graph, options?: Pick<CompileOptions, 'dtype' | 'recompute'>): MemoryNeed;
  compile(graph: Graph, options?: CompileOptions): Program;
}

/** Copies every state that both programs have (by name), e.g. from a training program to a test program. */
export function copyState(from: Program, to: Program): void {
  for (const name of to.graph.states.keys()) {
    if (from.graph.states.has(name)) to.write(name, from.read(name));
  }
}
