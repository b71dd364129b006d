// The pictures of a profile: the roofline with a point for each layer and direction, and the arena.
import { join } from 'node:path';
import type { ProgramReport } from '../engines/engine.ts';
import { engineInWords } from '../engines/in-words.ts';
import type { Profile, ProfiledStep } from '../engines/profile/profile.ts';
import { arena } from '../figures/arena.ts';
import { type RooflinePoint, roofline } from '../figures/roofline.ts';

const directions: Readonly<Record<string, string>> = {
  BackwardData: 'data gradient',
  BackwardWeights: 'weight gradient',
};

/** Draws both, each as PNG and SVG, into a folder that exists, and gives their paths. `subject` says what was run. */
export async function drawProfile(
  folder: string,
  profile: Profile,
  report: ProgramReport,
  subject: string,
): Promise<string[]> {
  const machine = engineInWords(report.engine);
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { bytes, lowerBoundBytes, ratio } = profile.arena;
  const peaks = Object.entries(profile.peaks.gflops);
  const files: string[] = [];
  for (const ending of ['png', 'svg']) {
    const path = join(folder, `roofline.${ending}`);
    await roofline(path, {
      title: `Roofline: ${subject}`,
      subtitle:
        `${machine}; limits measured here. Bytes count each tensor once: points above the slope are served by caches. ` +
        `A step takes ${profile.ms.toFixed(1)} ms.`,
      roofs: peaks.map(([name, gflops]) => ({ name, gflops })),
      copyGBs: profile.peaks.copyGBs,
      points: profile.steps.flatMap(pointOf),
    });
    files.push(path);
    if (report.arena.length === 0) continue;
    const arenaPath = join(folder, `arena.${ending}`);
    await arena(arenaPath, {
      title: `Arena: ${subject}`,
      subtitle:
        `${mebibytes(bytes)} planned, ${ratio.toFixed(3)} times the most that is alive at one step ` +
        `(${mebibytes(lowerBoundBytes)}); ${report.arena.length} tensors over ${report.steps.length} steps`,
      rectangles: report.arena.map((block) => ({
        ...block,
        group: block.op,
        name: block.path === '' ? block.op : block.path,
      })),
      arenaBytes: bytes,
      lowerBoundBytes,
    });
    files.push(arenaPath);
  }
  return files;
}

function pointOf({ op, path, flops, bytes, ms }: ProfiledStep): RooflinePoint[] {
  if (ms === 0) return [];
  const direction = /Backward(Data|Weights)$/.exec(op)?.[0];
  const group = flops === 0 ? op : ((direction && directions[direction]) ?? 'forward');
  return [{ name: path === '' ? op : path, group, flops, bytes, ms }];
}
