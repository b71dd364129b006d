// Scanned layers and their strongest pictures on the way into the site.
import { basename } from 'node:path';
import { interleave } from '../explain/interleave.ts';
import type { Rule } from '../explain/project.ts';
import type { LayerScan } from '../explain/scan.ts';
import { inputPicture, inputSize, inputsOf } from '../explain/scan-input.ts';
import type { OpenedScan } from '../explain/scan-open.ts';
import { projectTop } from '../explain/top.ts';
import { dataAddress, type Site } from './site.ts';
import { type LayerSummary, putLayer, putUnit, type UnitSheets } from './unit-data.ts';

export interface LayerRequest {
  readonly site: Site;
  readonly opened: OpenedScan;
  readonly scan: LayerScan;
  /** Units to project. */
  readonly units: readonly number[];
  readonly rule: Rule;
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: ((text: string) => void) | undefined;
}

/** Puts a layer with all its units and the projections of some. */
export async function putProjectedLayer(request: LayerRequest): Promise<LayerSummary> {
  const { site, opened, scan, units, rule, signal, onStatus } = request;
  const { subject, data, engine } = opened;
  const sheets = new Map<number, UnitSheets>();
  // Positions come from the scan; pixels are worth full precision.
  const projecting = { subject, source: data.source, engine, dtype: 'f32', scan, units, rule } as const;
  // Without units there is nothing to compile for.
  for await (const unit of units.length === 0 ? [] : projectTop(projecting)) {
    signal?.throwIfAborted();
    const sheet = await putUnit(site, subject, scan.layer, unit);
    if (sheet !== undefined) sheets.set(unit.unit, sheet);
    onStatus?.(`${scan.layer}: ${sheets.size} of ${units.length} maps projected`);
  }
  return putLayer(site, subject, scan, sheets);
}

/** Pictures that are prepared at a time. */
const together = 32;

/** Puts each picture that is among the strongest of some unit, as the network sees it. */
export async function putPictures(
  site: Site,
  { data, labels, subject }: OpenedScan,
  scans: readonly LayerScan[],
  onStatus?: (text: string) => void,
): Promise<void> {
  const [channels, height, width] = inputSize(subject.preprocessing);
  const length = channels * height * width;
  const used = [...new Set(scans.flatMap(({ top }) => Array.from(top.pictures)))]
    .filter((picture) => picture >= 0)
    .sort((a, b) => a - b);
  for (let first = 0; first < used.length; first += together) {
    const indices = used.slice(first, first + together);
    const inputs = await inputsOf(data.source, subject.preprocessing, indices);
    for (const [i, index] of indices.entries()) {
      const picture = inputPicture(inputs.subarray(i * length, (i + 1) * length), subject.preprocessing);
      const bytes = interleave(picture, { height, width });
      site.put(`pictures/${index}`, {
        name: basename(data.source.name(index)),
        label: labels[index]?.split(',')[0] ?? null,
        image: await dataAddress({ bytes, height, width }, { exact: false }),
      });
    }
    onStatus?.(`pictures: ${first + indices.length} of ${used.length}`);
  }
}
