// The ranges of the values between layers, from pictures: the network answers in full precision, and every value that is
// to be quantised is looked at on the way.
import type { Raster } from '../data/raster.ts';
import type { Program } from '../engines/engine.ts';
import { windowsOf } from '../evaluate/crops.ts';
import type { Member } from '../evaluate/member.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { scalingFor, writeView } from '../evaluate/views.ts';
import { markOutput } from '../graph/graph.ts';
import { type QuantisationPlan, valueRange } from '../graph/rewrite/quantise.ts';
import { createHistogram } from './histogram.ts';

/** Marks the values of all sites as outputs of their graph, so that a program gives them. */
export function markSites(plan: QuantisationPlan): void {
  for (const [s, { values }] of plan.sites.entries()) {
    for (const [v, value] of values.entries()) markOutput(siteOutput(s, v), value);
  }
}

function siteOutput(site: number, value: number): string {
  return `site ${site} value ${value}`;
}

export interface CalibrationRequest {
  readonly program: Program;
  readonly plan: QuantisationPlan;
  readonly member: Member;
  readonly source: PictureSource;
  /** Pictures of the source to look at. */
  readonly indices: readonly number[];
  readonly batch: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The scale of each site, by its name. `program` has the sites of `plan` marked. */
export async function calibrate(request: CalibrationRequest): Promise<Map<string, number>> {
  const { program, plan, member, source, indices, batch, signal, onProgress } = request;
  const { preprocessing, protocol } = member;
  const { channels, pad } = preprocessing;
  const shown = protocol.crop;
  const size = channels * (shown.height + 2 * pad) * (shown.width + 2 * pad);
  const images = new Float32Array(batch * size);
  const scaling = scalingFor(protocol, preprocessing, protocol.scales[0]);
  const histograms = plan.sites.map(createHistogram);
  for (let first = 0; first < indices.length; first += batch) {
    signal?.throwIfAborted();
    // A last batch that is not full is filled up with pictures from the front.
    const chunk = Array.from({ length: batch }, (_, i) => indices[(first + i) % indices.length] as number);
    const rasters = await Promise.all(chunk.map((index) => source.raster(index, channels, scaling)));
    for (const [slot, raster] of rasters.entries()) {
      const [window] = windowsOf('1', raster, shown);
      if (window !== undefined)
        writeView(images, slot * size, raster as Raster, window, shown, preprocessing);
    }
    const outputs = program.run({ images });
    for (const [s, { values }] of plan.sites.entries()) {
      for (const v of values.keys()) histograms[s]?.add(outputs[siteOutput(s, v)] as Float32Array);
    }
    onProgress?.(Math.min(first + batch, indices.length), indices.length);
    // Signals and timers get their turn between the engine's long calls.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return new Map(
    plan.sites.map(({ name, signed }, s) => {
      const levels = signed ? valueRange.signed.high : valueRange.unsigned.high;
      const range = histograms[s]?.bestRange(levels) ?? 0;
      // A value that is always 0 is exact with any scale.
      return [name, Math.fround(range === 0 ? 1 : range / levels)];
    }),
  );
}
