// The oneDNN engine: finds the library, says what it and this CPU can do, and compiles graphs to programs.
import type { ComputeType, Engine, EngineDescription } from '../engine.ts';
import { type Library, openLibrary } from './library.ts';
import { compileProgram, planMemoryOf } from './program.ts';

/** Instruction sets as `dnnl_get_effective_cpu_isa` numbers them: sets of bits, each including the ones before. */
const isaBits = {
  avx2: 0x07,
  avx512: 0x27,
  avx512Bf16: 0xe7,
  /** 2.x and 3.x place the AMX bits differently. */
  amx: { 2: 0x3e7, 3: 0xfef },
};
const includes = (isa: number, bits: number): boolean => (isa & bits) === bits;

function isaName(isa: number, major: 2 | 3): string {
  if (includes(isa, isaBits.amx[major])) return 'AVX-512 with AMX';
  if (includes(isa, isaBits.avx512Bf16)) return 'AVX-512 with BF16';
  if (includes(isa, isaBits.avx512)) return 'AVX-512';
  if (includes(isa, isaBits.avx2)) return 'AVX2';
  return isa === 0 ? 'generic' : 'SSE4.1 or AVX';
}

/** bf16 first where the CPU multiplies it natively, last where AVX-512 emulates it, absent below. */
function computeTypes(isa: number): ComputeType[] {
  if (includes(isa, isaBits.avx512Bf16)) return ['bf16', 'f32'];
  return includes(isa, isaBits.avx512) ? ['f32', 'bf16'] : ['f32'];
}

export interface OneDnnOptions {
  /** Threads of the native kernels; default: all cores. */
  readonly threads?: number;
}

export function createOneDnnEngine(library: Library, options: OneDnnOptions = {}): Engine {
  const isa = library.call('dnnl_get_effective_cpu_isa', 'i()')();
  const description: EngineDescription = {
    name: 'onednn',
    library: `oneDNN ${library.version}`,
    path: library.path,
    isa: isaName(isa, library.major),
    threads: library.threads(options.threads ?? 0),
    dtypes: computeTypes(isa),
  };
  return {
    name: 'onednn',
    describe: () => description,
    plan: (graph, planOptions = {}) => planMemoryOf(library, description, graph, planOptions),
    compile: (graph, compileOptions = {}) => compileProgram(library, description, graph, compileOptions),
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
