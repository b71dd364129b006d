// The test of networks on pictures, as ILSVRC does it: crops and scales, their softmax averaged, over several
// networks too; top-1 and top-5 error, by class and as a confusion matrix, exact for any number of pictures. Every
// result states how it came about.
import type { Split } from '../data/dataset.ts';
import type { OpenOptions, OpenProgress } from '../data/datasets.ts';
import { agree } from '../distribute/agreement.ts';
import { alone, type Ranks } from '../distribute/ranks.ts';
import type { ComputeType, EngineDescription } from '../engines/engine.ts';
import { UserError } from '../errors.ts';
import type { Form } from '../nets/network.ts';
import { version } from '../version.ts';
import { type EngineRequest, resolveEngine } from './engine.ts';
import { type EvaluationFigures, writeFigures } from './figures.ts';
import type { Member } from './member.ts';
import { type Model, type ModelRequest, openModel } from './model.ts';
import { predict } from './predict.ts';
import { type PrepareRequest, prepareMember, preprocessingFor } from './prepare.ts';
import type { Preprocessing } from './preprocessing.ts';
import { describeProtocol, type Protocol } from './protocol.ts';
import { writePerPicture } from './report.ts';
import { checksumOf, countsOfAll } from './share.ts';
import { createTally } from './tally.ts';
import { openTestData, requestOfRun } from './test-data.ts';

export interface EvaluateOptions extends ModelRequest, EngineRequest, PrepareRequest {
  /** Networks that answer together with the first: their softmax is averaged. */
  readonly ensemble?: readonly ModelRequest[];
  /** A known data set's name or a folder; default: the set that the weights were trained on. */
  readonly data?: string;
  readonly labels?: 'fine' | 'coarse';
  /** Default 'test'. */
  readonly split?: Split;
  /** Views per run at the network's own size; default 100, for pictures of more than 64x64 px 32. */
  readonly batch?: number;
  /** Draw these (.png or .svg). */
  readonly figures?: EvaluationFigures;
  /** A table with a line for each picture (.csv or .json). */
  readonly perPicture?: string;
  /** The ranks that share the pictures (`joinRanks`), each of which calls `evaluate` with the same options; default: alone. */
  readonly ranks?: Ranks;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onData?: (progress: OpenProgress) => void;
}

export interface ClassError {
  readonly class: string;
  /** Pictures of the class. */
  readonly n: number;
  /** Percent; null for a class without pictures. */
  readonly top1Error: number | null;
  readonly top5Error: number | null;
}

/** What one network of a test is and is shown. */
export interface MemberProtocol {
  readonly network: string;
  readonly form: Form;
  readonly weights: string;
  readonly scales: readonly (number | null)[];
  /** Layers multiply whole numbers of eight bits; what they leave is of the engine's type. */
  readonly eightBits: boolean;
  /** Views of each picture. */
  readonly views: number;
  readonly preprocessing: Preprocessing;
}

/** Errors in percent. */
export interface Evaluation {
  readonly network: string;
  readonly form: Form;
  readonly weights: string;
  readonly dataset: string;
  readonly split: Split;
  readonly n: number;
  readonly top1Error: number;
  readonly top5Error: number;
  /** Mean cross-entropy, natural logarithm. */
  readonly loss: number;
  readonly seconds: number;
  readonly perClass: readonly ClassError[];
  /** confusion[true class][answer]: pictures. */
  readonly confusion: readonly (readonly number[])[];
  readonly protocol: {
    readonly dtype: ComputeType;
    readonly engine: EngineDescription;
    readonly laurel: string;
    readonly node: string;
    readonly batch: number;
    /** Processes that shared the pictures; absent for one. */
    readonly ranks?: { readonly count: number; readonly mpi: string };
    /** In words. */
    readonly crops: string;
    readonly cropping: Protocol['crops'];
    readonly members: readonly MemberProtocol[];
  };
}

/**
 * Tests weights. Throws a UserError where weights, network and data do not fit each other, or a file is bad; an
 * AbortError when the signal fires. Every rank gets the same result; rank 0 draws and writes.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { split = 'test', signal, ranks = alone } = options;
  const model = openModel(options);
  const request = options.data ?? requestOfRun(options.weights) ?? model.info?.dataset;
  if (request === undefined) {
    throw new UserError('No data to test on. Name a data set or a folder with --data.', { exitCode: 2 });
  }
  const others = (options.ensemble ?? []).map(openModel);
  for (const note of [model, ...others].flatMap(({ notes }) => notes)) options.onNote?.(note);
  const open: OpenOptions = {
    labels: options.labels,
    signal,
    onNote: options.onNote,
    onProgress: options.onData,
  };
  // What one downloads is there for the others.
  const data = await ranks.leaderFirst(() => openTestData(request, split, model, open));
  const members: Member[] = [];
  for (const each of [model, ...others]) {
    checkClasses(each, data.classes);
    const base = await preprocessingFor(each, data, { request, open, prepare: options });
    members.push(prepareMember(each, base, data.classes.length, options));
  }
  const threads = options.threads ?? ranks.cores;
  // Several would measure at once, in each other's way, and choose differently.
  const autotune = ranks.size > 1 ? 'off' : options.autotune;
  if (autotune !== options.autotune && (options.autotune ?? 'off') !== 'off' && ranks.leads)
    options.onNote?.(`--autotune ${options.autotune} counts for one process alone; over ranks it is off.`);
  const { engine, dtype, notes } = await resolveEngine({ ...options, threads, autotune });
  for (const message of notes) options.onNote?.(message);
  const { source, labels, classes } = data;
  const batch = Math.min(options.batch ?? defaultBatch(members), viewsOf(members) * source.length);
  const names = members.map((member) => member.model.description.name);
  if (ranks.size > 1) {
    agree(ranks, {
      'Laurel version': version,
      networks: names.join(' + '),
      'weights with the checksum': checksumOf([model, ...others]),
      'data set': data.name,
      pictures: `${source.length}`,
      batch: `${batch}`,
      dtype,
    });
  }
  const tally = createTally(classes.length);
  const places: number[] = [];
  const start = performance.now();
  const share = { rank: ranks.rank, size: ranks.size };
  const answers = predict(source, members, { engine, dtype, batch, share, ...(signal && { signal }) });
  for await (const { index, place, probabilities } of answers) {
    tally.add(index, labels[index] as number, probabilities, 0);
    places.push(place);
    options.onProgress?.(Math.min(source.length, tally.n * ranks.size), source.length);
  }
  const own = tally.counts((performance.now() - start) / 1000);
  const counts = ranks.size === 1 ? own : ranks.patiently(() => countsOfAll(own, places, ranks));
  if (ranks.leads) {
    await writeFigures(options.figures ?? {}, counts, data, `${names.join(' + ')} on ${data.name}`);
    if (options.perPicture !== undefined) writePerPicture(options.perPicture, counts.answers, data);
  }
  const { n, top1Error, top5Error, loss, seconds, confusion } = counts;
  const { protocol } = members[0] as Member;
  return {
    network: names.join(' + '),
    form: model.form,
    weights: model.path,
    dataset: data.name,
    split,
    n,
    top1Error,
    top5Error,
    loss,
    seconds,
    perClass: classErrors(counts.answers, classes),
    confusion,
    protocol: {
      dtype,
      engine: engine.describe(),
      laurel: version,
      node: process.version,
      batch,
      ...(ranks.mpi !== undefined && { ranks: { count: ranks.size, mpi: ranks.mpi } }),
      crops: describeProtocol(protocol, members.length),
      cropping: protocol.crops,
      members: members.map(memberProtocol),
    },
  };
}

/** Views per run that keep an engine busy and its memory small. */
export function defaultBatch(members: readonly Member[]): number {
  return members.every(({ protocol: { crop } }) => crop.height * crop.width <= 64 * 64) ? 100 : 32;
}

function viewsOf(members: readonly Member[]): number {
  return Math.max(...members.map(({ protocol }) => protocol.views));
}

/** Networks that answer together must mean the same by their answers. */
function checkClasses({ info, path }: Model, classes: readonly string[]): void {
  if (info === undefined || info.classes.length !== classes.length) return;
  const place = info.classes.findIndex((name, index) => name !== classes[index]);
  // Data sets name their classes as they like; only two weights files can contradict each other in an ensemble.
  if (place >= 0 && info.classes.toSorted().join() === classes.toSorted().join()) {
    throw new UserError(
      `${path} has the same classes in another order: its class ${place} is '${info.classes[place]}', ` +
        `not '${classes[place]}'. Use data and weights that agree.`,
    );
  }
}

function memberProtocol({ model, preprocessing, protocol }: Member): MemberProtocol {
  return {
    network: model.description.name,
    form: model.form,
    weights: model.path,
    scales: protocol.scales.map((scale) => scale ?? null),
    eightBits: model.quantisation !== undefined,
    views: protocol.views,
    preprocessing,
  };
}

function classErrors(
  answers: readonly { readonly label: number; readonly rank: number }[],
  classes: readonly string[],
): ClassError[] {
  const counted = classes.map(() => ({ n: 0, wrong1: 0, wrong5: 0 }));
  for (const { label, rank } of answers) {
    const count = counted[label] as (typeof counted)[number];
    count.n++;
    if (rank >= 1) count.wrong1++;
    if (rank >= 5) count.wrong5++;
  }
  const share = (wrong: number, n: number): number | null => (n === 0 ? null : (100 * wrong) / n);
  return counted.map(({ n, wrong1, wrong5 }, label) => ({
    class: classes[label] as string,
    n,
    top1Error: share(wrong1, n),
    top5Error: share(wrong5, n),
  }));
}
