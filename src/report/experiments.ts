// The pages of a report beside its layers and pictures: experiments that have an address of their own, each read back
// or measured, and listed on the first page.
import type { ComputeType } from '../engines/engine.ts';
import type { LayerScan } from '../explain/scan.ts';
import type { OpenedScan } from '../explain/scan-open.ts';
import { fileNameOf } from '../explain/top-sheet.ts';
import type { Chosen } from './chosen-pictures.ts';
import { type OpenedBoxes, openBoxes, putCorrespondence } from './correspondence-views.ts';
import { putEvolution, type StoredEvolution, storedEvolutions } from './evolution-views.ts';
import { putHealth } from './health-views.ts';
import { putInvariance } from './invariance-views.ts';
import { putProbe, readProbe } from './probe-views.ts';
import type { Site } from './site.ts';
import { panelWords } from './words.ts';

/** What a caller says of the experiments. */
export interface ExperimentOptions {
  /** A folder of `laurel viz evolution`, or a watched run; default: the run folder that the weights are. */
  readonly evolution?: string | undefined;
  /** A file of boxes, for correspondence; without it there is none. */
  readonly boxes?: string | undefined;
  /** A folder of `laurel probe`. */
  readonly probe?: string | undefined;
  /** Whether the chosen pictures are moved, enlarged and turned; default true. */
  readonly invariance?: boolean | undefined;
}

/** What was found of it, before anything long begins. */
export interface OpenedExperiments {
  readonly evolutions: readonly StoredEvolution[];
  readonly boxes: OpenedBoxes | undefined;
  readonly probe: ReturnType<typeof readProbe> | undefined;
  readonly invariance: boolean;
}

/** Throws a UserError for what is missing, damaged, or of another network. */
export async function openExperiments(
  { evolution, boxes, probe, invariance = true }: ExperimentOptions,
  weights: string,
  { subject }: OpenedScan,
  onNote?: (message: string) => void,
): Promise<OpenedExperiments> {
  const network = subject.build(1);
  return {
    evolutions: storedEvolutions(network, { weights, evolution, onNote }),
    boxes: boxes === undefined ? undefined : await openBoxes(boxes, subject),
    probe: probe === undefined ? undefined : readProbe(probe, network),
    invariance,
  };
}

/** A page of its own. */
export interface Experiment {
  /** Behind the `#`. */
  readonly address: string;
  readonly kind: 'evolution' | 'invariance' | 'correspondence' | 'health' | 'probe';
  /** Where its data are. */
  readonly file: string;
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly about: string;
  readonly source: string;
}

export interface ExperimentsRequest extends OpenedExperiments {
  readonly site: Site;
  readonly opened: OpenedScan;
  readonly scans: readonly LayerScan[];
  readonly chosen: Chosen;
  /** N x C x H x W, prepared. */
  readonly images: Float32Array;
  readonly dtype: ComputeType;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: ((text: string) => void) | undefined;
}

/** Puts every experiment that there is, and gives the list of them. */
export async function putExperiments(request: ExperimentsRequest): Promise<Experiment[]> {
  const { site, opened, chosen, images, evolutions, boxes, probe, scans } = request;
  const { subject, engine, data } = opened;
  const { dtype, seed, signal, onStatus } = request;
  const share = { site, subject, engine, dtype, signal, onStatus };
  const found: Experiment[] = [];
  for (const evolution of evolutions) {
    const layer = await putEvolution(site, evolution, subject.preprocessing.order);
    const address = `evolution/${encodeURIComponent(layer)}`;
    const file = `evolution/${fileNameOf(layer)}`;
    found.push({ ...said('evolution'), title: `Evolution of ${layer}`, address, file });
  }
  if (request.invariance && chosen.indices.length > 0) {
    const { names, truths } = chosen;
    await putInvariance({ ...share, images, names, truths, classes: data.classes });
    found.push({ ...said('invariance'), title: 'Invariance', address: 'invariance', file: 'invariance' });
  }
  if (boxes !== undefined) {
    await putCorrespondence({ ...share, ...boxes, seed });
    const address = 'correspondence';
    found.push({ ...said('correspondence'), title: 'Correspondence', address, file: address });
  }
  putHealth(site, scans);
  found.push({ ...said('health'), title: 'Dead maps', address: 'health', file: 'health' });
  if (probe !== undefined) {
    putProbe(site, probe);
    found.push({ ...said('probe'), title: 'What layers are good for', address: 'probe', file: 'probe' });
  }
  return found;
}

function said(kind: Experiment['kind']): Pick<Experiment, 'kind' | 'about' | 'source'> {
  const { shows, source } = panelWords[kind === 'invariance' ? 'translation' : kind];
  const about = kind === 'invariance' ? 'The chosen pictures are moved, enlarged and turned.' : shows;
  return { kind, about, source: kind === 'invariance' ? source.replace(/ \(.*$/, '') : source };
}
