// One pass over a data set that finds, for every unit of some layers, the pictures and places that excite it most
// (ZFNet, section 4 and figure 2). The pass stops at the deepest layer asked for, keeps a list per unit and two
// batches of pictures in memory, and writes how far it came to disk, so that an interrupted scan goes on where it
// was and a finished one is read instead of made.
import { agree } from '../distribute/agreement.ts';
import { alone, type Ranks } from '../distribute/ranks.ts';
import type { ComputeType, Engine } from '../engines/engine.ts';
import { buildModel, type Model, weightsFor, writeWeights } from '../evaluate/model.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import type { PictureSource } from '../evaluate/sources.ts';
import { markOutput } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import { findLayer, type Layer } from './layer.ts';
import { inputBatches } from './scan-input.ts';
import { type ScanKey, weightsChecksum } from './scan-key.ts';
import { bringTogether } from './scan-share.ts';
import { loadScan, saveScan } from './scan-store.ts';
import { addActivations, createTopList, type TopList, topSize } from './top-list.ts';

/** A network with weights that takes any number of pictures at once. */
export interface Subject {
  build(batch: number): Network;
  readonly tensors: ReadonlyMap<string, Float32Array>;
  readonly preprocessing: Preprocessing;
}

/** A model as evaluation would build it. */
export function modelSubject(model: Model, classes: number, preprocessing: Preprocessing): Subject {
  const build = (batch: number): Network => buildModel(model, classes, preprocessing, batch);
  return { build, tensors: weightsFor(model, build(1)), preprocessing };
}

export interface ScanRequest {
  readonly subject: Subject;
  readonly source: PictureSource;
  /** What tells the pictures apart from others (`dataChecksum`). */
  readonly data: string;
  readonly layers: readonly string[];
  readonly engine: Engine;
  readonly dtype: ComputeType;
  /** Pictures per run; default: as many as keep the layers' activations below 64 MiB, at most 32. */
  readonly batch?: number;
  /** Pictures to keep per unit; default 9. */
  readonly size?: number;
  /** Folder for the state of scans; without it nothing is stored. */
  readonly folder?: string;
  /** Batches between two writes of the state; default 16. */
  readonly saveEvery?: number;
  /**
   * The ranks that share the pictures, each of which calls this with the same request; default: alone. Rank 0 has what
   * all found, and stores it; the lists of the others are left empty.
   */
  readonly ranks?: Ranks;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onNote?: (message: string) => void;
}

export interface LayerScan {
  readonly layer: string;
  readonly units: number;
  readonly height: number;
  readonly width: number;
  /** Pictures that were gone through. */
  readonly pictures: number;
  readonly top: TopList;
}

/** Activations of one run that are brought out of the engine, in bytes. */
const mostBytes = 64 * 2 ** 20;
const mostPictures = 32;

/**
 * Scans the layers, in the order asked for. Throws a UserError for a layer that does not exist, an AbortError when
 * the signal fires, after the state was stored.
 */
export async function scanLayers(request: ScanRequest): Promise<LayerScan[]> {
  const { subject, source, size = topSize, folder, ranks = alone } = request;
  const single = subject.build(1);
  const paths = [...new Set(request.layers)];
  const layers = paths.map((path) => findLayer(single, path));
  const { name: network, form, options } = single;
  const common = {
    network,
    form,
    options,
    weights: weightsChecksum(subject.tensors),
    data: request.data,
    preprocessing: subject.preprocessing,
    dtype: request.dtype,
    size,
  };
  const scans = layers.map((layer) => {
    const key: ScanKey = { ...common, layer: layer.path };
    const read = folder !== undefined && ranks.leads;
    const stored = read ? loadScan(folder, key, layer.units, request.onNote) : undefined;
    const done = ranks.told(() => stored?.done ?? 0);
    return { layer, key, done, top: stored?.top ?? createTopList(layer.units, size) };
  });
  if (ranks.size > 1) {
    // Files may have been changed at other times on other machines: their number counts.
    const { data: _data, ...same } = common;
    const said = { ...same, layers: paths, pictures: source.length };
    agree(ranks, Object.fromEntries(Object.entries(said).map(([what, it]) => [what, JSON.stringify(it)])));
  }
  // Layers that came equally far share a pass.
  for (const done of new Set(scans.map((scan) => scan.done))) {
    if (done < source.length) {
      await pass(
        request,
        scans.filter((scan) => scan.done === done),
        done,
      );
    }
  }
  return scans.map(({ layer: { path, units, height, width }, top }) => {
    return { layer: path, units, height, width, pictures: source.length, top };
  });
}

interface Running {
  readonly layer: Layer;
  readonly key: ScanKey;
  done: number;
  readonly top: TopList;
}

async function pass(request: ScanRequest, scans: readonly Running[], from: number): Promise<void> {
  const {
    subject,
    source,
    engine,
    dtype,
    folder,
    saveEvery = 16,
    signal,
    onProgress,
    ranks = alone,
  } = request;
  const batch = Math.min(request.batch ?? batchFor(scans), source.length - from);
  const network = subject.build(batch);
  for (const { layer } of scans) markOutput(layer.path, findLayer(network, layer.path).value);
  const save = (): void => {
    for (const { top } of scans) bringTogether(top, ranks);
    if (folder === undefined || !ranks.leads) return;
    for (const { key, done, top } of scans) saveScan(folder, key, { done, top });
  };
  const program = engine.compile(network.graph, { dtype });
  // Ranks take turns of a batch each, the very batches of one process, and stop all after the same one.
  const step = ranks.size * batch;
  const first = from + ranks.rank * batch;
  const parts = inputBatches(source, subject.preprocessing, batch, first, undefined, step);
  let saved = from;
  let turns = 0;
  try {
    writeWeights(program, subject.tensors);
    for (let start = from; start < source.length; start += step) {
      const [stops = 0] = ranks.sum(Number(signal?.aborted ?? false));
      if (stops > 0) {
        save();
        throw signal?.aborted ? signal.reason : new DOMException('Another rank was stopped.', 'AbortError');
      }
      const { value: part } = await parts.next();
      const outputs = part && program.run({ images: part.images });
      const done = Math.min(start + step, source.length);
      for (const scan of scans) {
        const { path, height, width } = scan.layer;
        const activations = outputs?.[path] as Float32Array;
        if (part) addActivations(scan.top, activations, part.first, part.count, height * width, width);
        scan.done = done;
      }
      onProgress?.(done, source.length);
      if (++turns % saveEvery === 0) {
        save();
        saved = done;
      }
    }
  } finally {
    await parts.return(undefined);
    program.dispose();
  }
  if (saved < source.length) save();
}

function batchFor(scans: readonly Running[]): number {
  const elements = scans.reduce(
    (sum, { layer: { units, height, width } }) => sum + units * height * width,
    0,
  );
  return Math.max(1, Math.min(mostPictures, Math.floor(mostBytes / (4 * elements))));
}
