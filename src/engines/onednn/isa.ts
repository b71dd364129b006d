// Instruction sets as the library numbers them: sets of bits, each including the ones before. What it uses may be less than
// what the CPU has (DNNL_MAX_CPU_ISA).
import type { ComputeType } from '../engine.ts';
import type { Library } from './library.ts';

const isaBits = {
  avx2: 0x07,
  avx512: 0x27,
  avx512Bf16: 0xe7,
  /** 2.x and 3.x place the AMX bits differently. */
  amx: { 2: 0x3e7, 3: 0xfef },
};
const includes = (isa: number, bits: number): boolean => (isa & bits) === bits;

export function effectiveIsa({ call }: Library): number {
  return call('dnnl_get_effective_cpu_isa', 'i()')();
}

export function hasAvx512(library: Library): boolean {
  return includes(effectiveIsa(library), isaBits.avx512);
}

/** What multiplies bf16: matrix units (AMX), vectors (AVX512-BF16), or nothing. */
export type Bf16Units = 'matrices' | 'vectors' | 'none';

export function bf16Units(isa: number, major: 2 | 3): Bf16Units {
  if (includes(isa, isaBits.amx[major])) return 'matrices';
  return includes(isa, isaBits.avx512Bf16) ? 'vectors' : 'none';
}

export function isaName(isa: number, major: 2 | 3): string {
  if (includes(isa, isaBits.amx[major])) return 'AVX-512 with AMX';
  if (includes(isa, isaBits.avx512Bf16)) return 'AVX-512 with BF16';
  if (includes(isa, isaBits.avx512)) return 'AVX-512';
  if (includes(isa, isaBits.avx2)) return 'AVX2';
  return isa === 0 ? 'generic' : 'SSE4.1 or AVX';
}

/** bf16 first where the CPU multiplies it natively, last where AVX-512 emulates it, absent below. */
export function computeTypes(isa: number): ComputeType[] {
  if (includes(isa, isaBits.avx512Bf16)) return ['bf16', 'f32'];
  return includes(isa, isaBits.avx512) ? ['f32', 'bf16'] : ['f32'];
}
