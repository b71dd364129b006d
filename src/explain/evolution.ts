// How features come to be (Zeiler & Fergus 2014, section 4.1 and figure 4): at several moments of a training the
// strongest activation of a map over the training set, projected down to the pixels. Which picture that is is kept:
// a sudden jump in a map's looks is another picture taking the lead. Every moment is a scan that keeps one picture per
// unit, and a projection, both the ones of figure 2.
import type { ComputeType, Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { findLayer } from './layer.ts';
import type { Rule } from './project.ts';
import { type Subject, scanLayers } from './scan.ts';
import { checkUnits, chooseUnits, type ProjectedEntry, projectTop } from './top.ts';

/** A moment of a training. */
export interface Stage {
  /** `epoch 5`, or the name of a weights file. */
  readonly name: string;
  /** null where the file does not say it. */
  readonly epoch: number | null;
  /** The network with the weights of that moment; called when its turn comes, so that one set is in memory. */
  open(): Subject;
}

/** The maps of a layer to follow: as many as `maps`, drawn with the seed, or those of `units`. */
export interface MapChoice {
  readonly maps?: number | undefined;
  readonly units?: readonly number[] | undefined;
  readonly seed?: number | undefined;
}

export interface EvolutionRequest extends MapChoice {
  readonly stages: readonly Stage[];
  readonly source: PictureSource;
  /** What tells the pictures apart from others (`dataChecksum`). */
  readonly data: string;
  readonly layers: readonly string[];
  readonly engine: Engine;
  /** Of the search; projections are made in f32. */
  readonly dtype: ComputeType;
  /** Default deconvnet. */
  readonly rule?: Rule | undefined;
  readonly batch?: number | undefined;
  /** Where scans are kept; without it nothing is stored. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Pictures gone through, over all stages. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
}

export interface MapEvolution {
  readonly unit: number;
  /** Per stage the strongest activation; undefined where none is a number. */
  readonly moments: readonly (ProjectedEntry | undefined)[];
  /** Per stage the pictures in which the map was above zero. */
  readonly active: readonly number[];
}

export interface LayerEvolution {
  readonly layer: string;
  readonly units: number;
  readonly height: number;
  readonly width: number;
  /** Pictures that were gone through at each stage. */
  readonly pictures: number;
  readonly rule: Rule;
  readonly stages: readonly Pick<Stage, 'name' | 'epoch'>[];
  readonly maps: readonly MapEvolution[];
}

/** Maps that are followed where nobody says how many. */
export const defaultMaps = 8;

/**
 * Follows chosen maps of each layer through the stages. Throws a UserError for a layer or a unit that is not there,
 * an AbortError when the signal fires.
 */
export async function evolve(request: EvolutionRequest): Promise<LayerEvolution[]> {
  const { stages, source, layers: paths, rule = 'deconvnet', seed = 1, engine } = request;
  const [first] = stages;
  if (first === undefined) {
    throw new UserError('An evolution needs weights of at least one moment of a training.', { exitCode: 2 });
  }
  const network = first.open().build(1);
  const layers = [...new Set(paths)].map((path) => {
    const { units, height, width } = findLayer(network, path);
    checkUnits(path, units, request.units ?? []);
    const chosen = request.units ?? chooseUnits(units, request.maps ?? defaultMaps, seed);
    return { path, units, height, width, chosen, found: chosen.map(() => emptyMap()) };
  });
  for (const [index, stage] of stages.entries()) {
    const subject = stage.open();
    const scans = await scanLayers({
      ...definedParts(request),
      subject,
      source,
      data: request.data,
      layers: layers.map(({ path }) => path),
      engine,
      dtype: request.dtype,
      size: 1,
      onProgress: (done, total) => request.onProgress?.(index * total + done, stages.length * total),
    });
    for (const [i, scan] of scans.entries()) {
      const layer = layers[i] as (typeof layers)[number];
      let place = 0;
      for await (const { entries, active } of projectTop({
        subject,
        source,
        engine,
        dtype: 'f32',
        scan,
        units: layer.chosen,
        rule,
      })) {
        request.signal?.throwIfAborted();
        const map = layer.found[place++] as ReturnType<typeof emptyMap>;
        map.moments.push(entries[0]);
        map.active.push(active);
      }
    }
  }
  return layers.map(({ path, units, height, width, chosen, found }) => ({
    layer: path,
    units,
    height,
    width,
    pictures: source.length,
    rule,
    stages: stages.map(({ name, epoch }) => ({ name, epoch })),
    maps: chosen.map((unit, i) => ({ unit, ...(found[i] as ReturnType<typeof emptyMap>) })),
  }));
}

function emptyMap(): { moments: (ProjectedEntry | undefined)[]; active: number[] } {
  return { moments: [], active: [] };
}

function definedParts({ batch, folder, signal, onNote }: EvolutionRequest) {
  return {
    ...(batch !== undefined && { batch }),
    ...(folder !== undefined && { folder }),
    ...(signal !== undefined && { signal }),
    ...(onNote !== undefined && { onNote }),
  };
}

/** Whether another picture leads than at the stage before: what makes a map's looks jump. */
export function jumped({ moments }: MapEvolution, stage: number): boolean {
  const [before, here] = [moments[stage - 1], moments[stage]];
  return stage > 0 && before?.picture !== here?.picture;
}
