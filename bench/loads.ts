// What loads cost beside multiply-adds: a loop over registers alone, and the same loop with so many loads of whole registers
// from the first cache, on all threads. Tiles of generated code are chosen by what `cyclesFor` makes of it.
import { Assembler, at, r } from '../src/engines/onednn/code/assembler.ts';
import { cyclesFor, lanes } from '../src/engines/onednn/code/cut.ts';
import { openLibrary } from '../src/engines/onednn/library.ts';
import { allocateRegion } from '../src/engines/onednn/memory.ts';
import { createNatives } from '../src/engines/onednn/natives.ts';
import { median } from '../src/median.ts';
import { leftOutList, type Part, paragraphs, table } from './part.ts';

const multiplyAdds = 24;
/** Among them those of a tile of 4 blocks and 6 pixels, 10, and as many as there are multiply-adds. */
const loadCounts = [0, 4, 7, 10, 14, 24] as const;
const repetitions = 20_000;
/** Few registers for what is loaded, as the sums leave. */
const [firstFree, free] = [multiplyAdds, 6];

/** The first registers are sums, the next take what is loaded, the last two are the factors. */
function loop(loads: number, operation: 'multiplyAdd' | 'multiplyAddPairs'): Uint8Array {
  const code = new Assembler();
  code.move(r.si, at(r.di));
  for (let register = 0; register < 32; register++) code.clear(register);
  code.set(r.cx, repetitions);
  const again = code.here();
  for (let i = 0; i < multiplyAdds; i++) {
    // Spread evenly, each from a line of its own.
    const before = Math.floor((i * loads) / multiplyAdds);
    if (Math.floor(((i + 1) * loads) / multiplyAdds) > before)
      code.broadcast(firstFree + (before % free), at(r.si, 64 * before));
    code[operation](i, 30, 31);
  }
  code.combineWith('subtract', r.cx, 1);
  code.jump(again, 'notEqual');
  code.leave();
  return code.code();
}

export const loads: Part = {
  name: 'loads',
  async measure({ rounds }) {
    const library = openLibrary();
    const natives = createNatives(library);
    try {
      const region = allocateRegion(library, 64 * multiplyAdds);
      const argument = BigUint64Array.of(region.address);
      const codes = loadCounts.flatMap(
        (count) => natives.code(`${count} loads`, () => loop(count, 'multiplyAdd')) ?? [],
      );
      const pairs =
        natives.bf16Units === 'none' ? undefined : natives.code('pairs', () => loop(0, 'multiplyAddPairs'));
      if (codes.length < loadCounts.length)
        return `Nothing was measured.${leftOutList(['all: no AVX-512 or no OpenMP here'])}`;
      const measured = [...codes, ...(pairs === undefined ? [] : [pairs])];
      const times = measured.map((): number[] => []);
      // Shorter than the clock stays the same.
      for (let round = 0; round < 30 * rounds; round++) {
        for (const [i, code] of measured.entries()) {
          const before = performance.now();
          natives.runCode(code, argument);
          times[i]?.push(performance.now() - before);
        }
      }
      const [alone = []] = times;
      const byModel = (count: number): number =>
        cyclesFor({ multiplyAdds, permutations: 0, loads: 0 }) /
        cyclesFor({ multiplyAdds, permutations: 0, loads: count });
      const gigaflops = (ms: readonly number[], products: number): string =>
        ((2 * lanes * products * multiplyAdds * repetitions * library.threads(0)) / median(ms) / 1e6).toFixed(
          0,
        );
      const inPairs = times[codes.length];
      const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
      const rows = loadCounts.map((count, i) => {
        const ratios = (times[i] as number[]).map((ms, round) => (alone[round] as number) / ms);
        return [`${count}`, percent(median(ratios)), percent(byModel(count))];
      });
      return paragraphs(
        `Speed of ${multiplyAdds} multiply-adds of whole registers with so many loads beside them, of the speed without:`,
        table(['loads', 'measured', 'as tiles are chosen by'], rows),
        `Without loads: ${gigaflops(alone, 1)} GFLOP/s in f32` +
          `${inPairs === undefined ? '' : `, ${gigaflops(inPairs, 2)} in bf16, two products a lane`}.`,
      );
    } finally {
      natives.dispose();
    }
  },
};
