// From what a caller names (a network, weights of several moments, a data set) to the files of an evolution; the same
// way at the end of a watched training and afterwards.
import type { Dataset, Split } from '../data/dataset.ts';
import type { OpenProgress } from '../data/datasets.ts';
import type { ComputeType, Engine } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { EngineRequest } from '../evaluate/engine.ts';
import { type ModelRequest, openModel } from '../evaluate/model.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import type { Form, OptionValues } from '../nets/network.ts';
import { evolve, type MapChoice, type Stage } from './evolution.ts';
import { type Animation, type EvolutionRecord, writeEvolution } from './evolution-files.ts';
import { snapshotFiles, stageOf, watchOfRun } from './evolution-snapshots.ts';
import type { Rule } from './project.ts';
import { dataChecksum } from './scan-key.ts';
import { openScan } from './scan-open.ts';

export interface MakeEvolutionRequest extends EngineRequest, MapChoice {
  readonly network: string;
  readonly form?: Form | undefined;
  readonly options?: OptionValues | undefined;
  /** Weights files in the order of the training, or folders of watched runs. */
  readonly weights: readonly string[];
  /** Default: what the first run, or its weights, say. */
  readonly data?: string | undefined;
  readonly labels?: 'fine' | 'coarse' | undefined;
  /** Default 'train'. */
  readonly split?: Split | undefined;
  /** Default: what the run watched. */
  readonly layers?: readonly string[] | undefined;
  readonly rule?: Rule | undefined;
  readonly animation?: Animation | undefined;
  readonly batch?: number | undefined;
  readonly out: string;
  /** Where scans are kept; without it nothing is stored. */
  readonly cache?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onNote?: ((message: string) => void) | undefined;
  readonly onData?: ((progress: OpenProgress) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface EvolutionResult {
  readonly net: string;
  readonly form: Form;
  readonly data: string;
  readonly split: Split;
  readonly pictures: number;
  readonly stages: readonly Pick<Stage, 'name' | 'epoch'>[];
  readonly seed: number;
  readonly dtype: string;
  readonly engine: string;
  readonly layers: readonly EvolutionRecord[];
}

/** Makes sheet, animation and data for each layer. Throws a UserError for what the caller can mend. */
export async function makeEvolution(request: MakeEvolutionRequest): Promise<EvolutionResult> {
  const { network, form, options, split = 'train', seed = 1, signal } = request;
  const [first] = request.weights;
  if (first === undefined) {
    throw new UserError(
      'No weights to compare. Name weights files with --weights, or watched runs with --runs.',
      {
        exitCode: 2,
      },
    );
  }
  const files = snapshotFiles(request.weights);
  const run = watchOfRun(first);
  const layers = request.layers ?? run.layers;
  if (layers === undefined) {
    throw new UserError('No layer to look at. Name one or more with --layer.', { exitCode: 2 });
  }
  const opened = await openScan({
    network,
    form,
    options,
    weights: files[0] as string,
    data: request.data ?? run.data,
    labels: request.labels,
    split,
    engine: request.engine,
    dtype: request.dtype,
    threads: request.threads,
    signal,
    onNote: request.onNote,
    onData: request.onData,
  });
  const { model, data, engine, dtype, preprocessing, labels } = opened;
  const records = await drawEvolution({
    ...request,
    files,
    layers,
    split,
    seed,
    pictures: {
      name: data.name,
      source: data.source,
      dataset: data.dataset,
      labels,
      classes: data.classes.length,
    },
    preprocessing,
    engine,
    dtype,
  });
  return {
    net: network,
    form: model.form,
    data: data.name,
    split,
    pictures: data.source.length,
    stages: records[0]?.stages ?? [],
    seed,
    dtype,
    engine: engine.name,
    layers: records,
  };
}

export interface DrawEvolutionRequest
  extends MapChoice,
    Pick<
      MakeEvolutionRequest,
      | 'network'
      | 'form'
      | 'options'
      | 'rule'
      | 'animation'
      | 'batch'
      | 'out'
      | 'cache'
      | 'signal'
      | 'onNote'
      | 'onProgress'
    > {
  /** Weights files in the order of the training. */
  readonly files: readonly string[];
  readonly layers: readonly string[];
  readonly split: Split;
  readonly pictures: {
    readonly name: string;
    readonly source: PictureSource;
    /** The data set that the pictures are of, where it is in memory. */
    readonly dataset?: Dataset | undefined;
    /** The class of each picture. */
    readonly labels: readonly string[];
    /** Of the network. */
    readonly classes: number;
  };
  readonly preprocessing: Preprocessing;
  readonly engine: Engine;
  /** Of the search. */
  readonly dtype: ComputeType;
}

/** Follows the layers and writes the files; the data are open already. */
export async function drawEvolution(request: DrawEvolutionRequest): Promise<EvolutionRecord[]> {
  const { network, form, options, files, pictures, preprocessing, seed = 1, split, out } = request;
  const ask = (weights: string): ModelRequest => ({
    network,
    weights,
    ...(form !== undefined && { form }),
    ...(options !== undefined && { options }),
  });
  const [first = ''] = files;
  const model = openModel(ask(first));
  const evolutions = await evolve({
    stages: files.map((weights) => stageOf(ask(weights), model, pictures.classes, preprocessing)),
    source: pictures.source,
    data: dataChecksum(pictures.source, pictures.dataset),
    layers: request.layers,
    maps: request.maps,
    units: request.units,
    seed,
    rule: request.rule,
    batch: request.batch,
    engine: request.engine,
    dtype: request.dtype,
    folder: request.cache,
    signal: request.signal,
    onProgress: request.onProgress,
    onNote: request.onNote,
  });
  const { channels, height, width, pad, order } = preprocessing;
  const records: EvolutionRecord[] = [];
  for (const evolution of evolutions) {
    const { layer, units, maps } = evolution;
    const chosen =
      request.units === undefined ? `${maps.length} of ${units} maps, seed ${seed}` : 'chosen maps';
    const count = evolution.pictures.toLocaleString('en-US');
    records.push(
      await writeEvolution(evolution, {
        title: `${network} on ${pictures.name}, ${layer}: how its maps came to be`,
        subtitle: `${chosen}; at each moment the strongest activation over ${count} pictures (${split})`,
        labels: pictures.labels,
        folder: out,
        canvas: { channels, height: height + 2 * pad, width: width + 2 * pad, ...(order && { order }) },
        animation: request.animation,
      }),
    );
  }
  return records;
}
