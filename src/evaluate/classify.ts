// What networks say of picture files: the most probable classes of each, with probabilities. Pictures are prepared as
// those that the network was trained on.
import { knownDataset, knownDatasets } from '../data/known.ts';
import { didYouMean, UserError } from '../errors.ts';
import { type EngineRequest, resolveEngine } from './engine.ts';
import { classNamesOf, type Model, type ModelRequest, openModel } from './model.ts';
import { predict } from './predict.ts';
import { type PrepareRequest, prepareMember, preprocessingOfFile } from './prepare.ts';
import { type Preprocessing, paddingFor } from './preprocessing.ts';
import { topCandidates } from './ranking.ts';
import { fileSource } from './sources.ts';

export interface ClassifyOptions extends ModelRequest, EngineRequest, PrepareRequest {
  /** Picture files: anything that sharp reads. */
  readonly images: readonly string[];
  /** Networks that answer together with the first: their softmax is averaged. */
  readonly ensemble?: readonly ModelRequest[];
  /**
   * A known data set whose classes and normalisation hold, for weights files that do not say it themselves.
   */
  readonly data?: string;
  /** Answers per picture; default 5. */
  readonly top?: number;
  /** Keep what the engine makes of the weights on disk for the next process; default true. */
  readonly weightsCache?: boolean | undefined;
}

export interface Classification {
  readonly file: string;
  /** Most probable first. */
  readonly top: readonly { readonly class: string; readonly index: number; readonly probability: number }[];
}

const largestBatch = 16;

/** Throws a UserError when a file is no picture, or the weights do not fit the network. */
export async function classify(options: ClassifyOptions): Promise<Classification[]> {
  const { images, top = 5 } = options;
  if (images.length === 0) {
    throw new UserError('No pictures to classify. Name one or more picture files.', { exitCode: 2 });
  }
  const models = [openModel(options), ...(options.ensemble ?? []).map(openModel)];
  for (const note of models.flatMap(({ notes }) => notes)) options.onNote?.(note);
  const asked = models.map((model) => expectations(model, options));
  const classes = asked[0]?.classes ?? [];
  const members = models.map((model, i) =>
    prepareMember(model, asked[i]?.preprocessing as Preprocessing, classes.length, options),
  );
  const { engine, dtype, notes } = await resolveEngine(options);
  for (const message of notes) options.onNote?.(message);
  const views = Math.max(...members.map(({ protocol }) => protocol.views));
  const batch = Math.min(images.length * views, largestBatch);
  const results: Classification[] = [];
  for await (const { index, probabilities } of predict(fileSource(images), members, {
    engine,
    dtype,
    batch,
    weightsCache: options.weightsCache ?? true,
  })) {
    results[index] = {
      file: images[index] as string,
      top: topCandidates(probabilities, 0, classes.length, top).map((candidate) => ({
        class: classes[candidate.class] as string,
        index: candidate.class,
        probability: candidate.probability,
      })),
    };
  }
  return results;
}

/** What a model's answers mean, and how it wants pictures. */
export interface Expectations {
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

/** What the file says, what the named data set says for it, or ImageNet's for a thousand classes. */
export function expectations(
  model: Model,
  options: Pick<ClassifyOptions, 'data' | 'preprocessing' | 'onNote'>,
): Expectations {
  const { data } = options;
  const names = classNamesOf(model);
  if (model.info !== undefined)
    return { classes: model.info.classes, preprocessing: model.info.preprocessing };
  if (data === undefined && names !== undefined) {
    return { classes: names, preprocessing: preprocessingOfFile(model, options) };
  }
  if (data === undefined) {
    throw new UserError(
      `${model.path} does not say which classes it tells apart nor how pictures are normalised. ` +
        'Name the data set that it was trained on with --data.',
      { exitCode: 2 },
    );
  }
  const known = knownDataset(data);
  if (known === undefined) {
    throw new UserError(
      `Laurel knows no data set named '${data}'.${didYouMean(
        data,
        knownDatasets.map(({ name }) => name),
      )}`,
      { exitCode: 2 },
    );
  }
  const { channels, height, width, mean, std } = known;
  const pad = paddingFor(model.formDescription, known);
  return {
    classes: known.classes,
    preprocessing: { channels, height, width, pad, normalise: { mean, std } },
  };
}
