// How maps came to be (figure 4), on the way into the site: what a watched training or `laurel viz evolution` left in a
// folder is read back, so that nothing is computed again.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { signedPicture } from '../explain/colours.ts';
import type { EvolutionRecord, MomentRecord } from '../explain/evolution-files.ts';
import { evolutionFolder, listSnapshots } from '../explain/evolution-snapshots.ts';
import { interleave } from '../explain/interleave.ts';
import { type Box, findLayer } from '../explain/layer.ts';
import { sizeOf } from '../explain/stack.ts';
import { fileNameOf } from '../explain/top-sheet.ts';
import { reason } from '../files.ts';
import type { Network } from '../nets/network.ts';
import { readNpy } from '../weights/npy.ts';
import { dataAddress, type Site } from './site.ts';
import { rangeOf } from './unit-data.ts';

/** A layer's evolution as its files have it. */
export interface StoredEvolution {
  readonly record: EvolutionRecord;
  /** maps x stages x C x H x W. */
  readonly projections: { readonly shape: readonly number[]; readonly data: Float32Array };
  readonly patches: { readonly shape: readonly number[]; readonly data: Float32Array };
  /** The file of the animation; undefined where it is gone. */
  readonly animation: string | undefined;
}

/** Who looks for an evolution. */
export interface EvolutionPlace {
  /** A weights file or a run folder. */
  readonly weights: string;
  /** A folder of `laurel viz evolution`, or a watched run; default: the run folder that `weights` is. */
  readonly evolution?: string | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
}

const pattern = /^evolution-.+\.json$/;

/**
 * The evolutions that belong to the network, in the order of its layers. Throws a UserError for a named folder without
 * any, for files that are damaged, and for those of another network.
 */
export function storedEvolutions(network: Network, place: EvolutionPlace): StoredEvolution[] {
  const { weights, evolution, onNote } = place;
  const named = evolution ?? weights;
  const folder = [named, evolutionFolder(named)].find((each) => jsonFiles(each).length > 0);
  if (folder !== undefined) {
    const order = [...network.graph.modules.keys()];
    return jsonFiles(folder)
      .map((name) => readEvolution(network, folder, name))
      .sort((a, b) => order.indexOf(a.record.layer) - order.indexOf(b.record.layer));
  }
  if (evolution !== undefined) {
    throw new UserError(
      `${evolution} holds no evolution (evolution-LAYER.json). Train with --watch, or make one with \`laurel viz evolution\`.`,
      { exitCode: 2 },
    );
  }
  if (listSnapshots(evolutionFolder(weights)).length > 0) {
    onNote?.(
      `${weights} was watched, but its evolution is not drawn and is left out. Draw it with: ` +
        `laurel viz evolution ${network.name} --runs ${weights} --out ${evolutionFolder(weights)}`,
    );
  }
  return [];
}

function jsonFiles(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder).filter((name) => pattern.test(name));
}

function readEvolution(network: Network, folder: string, name: string): StoredEvolution {
  const path = join(folder, name);
  let record: EvolutionRecord;
  try {
    record = JSON.parse(readFileSync(path, 'utf8')) as EvolutionRecord;
  } catch (error) {
    throw new UserError(`Cannot read the evolution ${path}: ${reason(error)}`, { cause: error });
  }
  if (typeof record.layer !== 'string' || !Array.isArray(record.maps) || !Array.isArray(record.stages)) {
    throw new UserError(
      `${path} is no evolution: it lacks "layer", "maps" or "stages". Make it again with \`laurel viz evolution\`.`,
    );
  }
  const layer = findLayer(network, record.layer);
  if (layer.units !== record.units || layer.height !== record.height || layer.width !== record.width) {
    throw new UserError(
      `${path} is of another network: its ${record.layer} has ${record.units} maps of ${record.height}x${record.width}, ` +
        `that of ${network.name} has ${layer.units} of ${layer.height}x${layer.width}. Name another folder with --evolution.`,
      { exitCode: 2 },
    );
  }
  const beside = (file: string): string => join(folder, basename(file));
  const animation = beside(record.animation);
  return {
    record,
    projections: readNpy(beside(record.projections)),
    patches: readNpy(beside(record.patches)),
    animation: existsSync(animation) ? animation : undefined,
  };
}

/** One map at one moment, as the page draws it. */
interface DrawnMoment
  extends Pick<MomentRecord, 'picture' | 'index' | 'class' | 'activation' | 'jump' | 'active'> {
  /** null where no activation was a number. */
  readonly drawn: {
    readonly own: string;
    readonly shared: string;
    readonly patch: string;
    readonly size: readonly [height: number, width: number];
    readonly scale: number;
    readonly range: readonly [number, number];
    readonly clipped: readonly [own: number, shared: number];
  } | null;
}

/** Puts `evolution/LAYER` and gives the layer's path. */
export async function putEvolution(
  site: Site,
  { record, projections, patches, animation }: StoredEvolution,
  order: 'RGB' | 'BGR' | undefined,
): Promise<string> {
  const stem = `evolution/${fileNameOf(record.layer)}`;
  const stages = record.stages.length;
  const maps = [];
  for (const [m, { unit, moments }] of record.maps.entries()) {
    const shared = Math.max(...moments.map(({ scale }) => scale ?? 0)) || 1;
    const drawn: DrawnMoment[] = [];
    for (const [s, moment] of moments.entries()) {
      const { picture, index, class: label, activation, jump, active, box, scale } = moment;
      const words = { picture, index, class: label, activation, jump, active };
      if (box === null || scale === null) {
        drawn.push({ ...words, drawn: null });
        continue;
      }
      const place = m * stages + s;
      const pixels = part(projections, place, box);
      const patch = part(patches, place, box);
      const shape = { channels: projections.shape[2] as number, ...sizeOf(box), order };
      const own = signedPicture(pixels, shape);
      const same = signedPicture(pixels, shape, { scale: shared });
      const size = sizeOf(box);
      const photo = interleave(Uint8Array.from(patch), size);
      drawn.push({
        ...words,
        drawn: {
          own: await dataAddress({ bytes: own.rgb, ...size }),
          shared: await dataAddress({ bytes: same.rgb, ...size }),
          patch: await dataAddress({ bytes: photo, ...size }, { exact: false }),
          size: [size.height, size.width],
          scale: own.scale,
          range: rangeOf(pixels),
          clipped: [own.clipped, same.clipped],
        },
      });
    }
    maps.push({ unit, shared, moments: drawn });
  }
  const { layer, units, pictures, rule } = record;
  site.put(stem, {
    layer,
    units,
    pictures,
    rule,
    stages: record.stages,
    maps,
    projections: site.array(`${stem}-projections`, projections.shape, projections.data),
    patches: site.array(`${stem}-patches`, patches.shape, patches.data),
    animation: animation === undefined ? null : site.file(animation, stem),
  });
  return layer;
}

/** What a stack of parts, each in the upper left of its place, holds of a box. */
function part(
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
  place: number,
  box: Box,
): Float32Array {
  const [, , channels = 1, height = 1, width = 1] = shape;
  const own = sizeOf(box);
  const values = new Float32Array(channels * own.height * own.width);
  for (let row = 0; row < channels * own.height; row++) {
    const start = ((place * channels + Math.floor(row / own.height)) * height + (row % own.height)) * width;
    values.set(data.subarray(start, start + own.width), row * own.width);
  }
  return values;
}
