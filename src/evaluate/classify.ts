// What a network says of picture files: the five most probable classes of each, with probabilities. Pictures are
// prepared as those that the network was trained on.
import { augmentedSize, augmentInto } from '../data/augment.ts';
import { allocateDataset, type Dataset } from '../data/dataset.ts';
import { knownDataset, knownDatasets } from '../data/known.ts';
import { didYouMean, UserError } from '../errors.ts';
import { markOutput } from '../graph/graph.ts';
import { softmax } from '../graph/ops/index.ts';
import { type EngineRequest, resolveEngine } from './engine.ts';
import { buildModel, type Model, type ModelRequest, openModel, weightsFor, writeWeights } from './model.ts';
import { decodePicture } from './picture.ts';
import { type ModelInfo, paddingFor, plainAugmentation } from './preprocessing.ts';
import { topCandidates } from './ranking.ts';

export interface ClassifyOptions extends ModelRequest, EngineRequest {
  /** Picture files: anything that sharp reads. */
  readonly images: readonly string[];
  /**
   * A known data set whose classes and normalisation hold, for weights files that do not say it themselves.
   */
  readonly data?: string;
  /** Answers per picture; default 5. */
  readonly top?: number;
  readonly onNote?: (message: string) => void;
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
  const model = openModel(options);
  const info = infoOf(model, options.data);
  const pictures = await decodeAll(images, info);
  const { engine, dtype, notes } = await resolveEngine(options);
  for (const message of notes) options.onNote?.(message);
  const batch = Math.min(images.length, largestBatch);
  const classes = info.classes.length;
  const network = buildModel(model, classes, info.preprocessing, batch);
  markOutput('probabilities', softmax(network.logits));
  const weights = weightsFor(model, network);
  const program = engine.compile(network.graph, { dtype });
  try {
    writeWeights(program, weights);
    const augmentation = plainAugmentation(info.preprocessing);
    const { height, width } = augmentedSize(info.preprocessing, augmentation);
    const size = info.preprocessing.channels * height * width;
    const results: Classification[] = [];
    for (let first = 0; first < images.length; first += batch) {
      const input = new Float32Array(batch * size);
      const count = Math.min(batch, images.length - first);
      for (let place = 0; place < count; place++) {
        augmentInto(input, place * size, pictures, first + place, augmentation, 0, 0);
      }
      const probabilities = program.run({ images: input }).probabilities as Float32Array;
      for (let place = 0; place < count; place++) {
        const found = topCandidates(probabilities, place * classes, classes, top);
        results.push({
          file: images[first + place] as string,
          top: found.map((candidate) => ({
            class: info.classes[candidate.class] as string,
            index: candidate.class,
            probability: candidate.probability,
          })),
        });
      }
    }
    return results;
  } finally {
    program.dispose();
  }
}

/** What the file says, or what the named data set says for it. */
function infoOf(model: Model, data: string | undefined): ModelInfo {
  if (model.info !== undefined) return model.info;
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
    network: model.description.name,
    form: model.form,
    classes: known.classes,
    dataset: known.name,
    preprocessing: { channels, height, width, pad, normalise: { mean, std } },
  };
}

async function decodeAll(images: readonly string[], info: ModelInfo): Promise<Dataset> {
  const { channels, height, width } = info.preprocessing;
  const pictures = allocateDataset({
    name: 'pictures',
    split: 'test',
    path: '.',
    length: images.length,
    channels,
    height,
    width,
    classes: info.classes,
  });
  for (const [index, path] of images.entries()) {
    const bytes = await decodePicture(path, channels, height, width);
    pictures.pixels.set(bytes, index * bytes.length);
  }
  return pictures;
}
