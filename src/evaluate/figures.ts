// Pictures of a test's result: the confusion matrix, and sheets of test pictures with what the network says of them:
// right and wrong ones evenly, or the worst mistakes.
import { extname } from 'node:path';
import { allPositions } from '../data/split.ts';
import { confusionMatrix } from '../figures/confusion.ts';
import { pictureSheet, type SheetItem } from '../figures/sheet.ts';
import { writeFileAtomic } from '../files.ts';
import { type PictureSet, sourceOf } from './index-source.ts';
import type { PictureSource } from './sources.ts';
import type { Answer, Counts } from './tally.ts';
import type { TestData } from './test-data.ts';

export interface EvaluationFigures {
  /** The confusion matrix; .csv and .json give its numbers. */
  readonly confusion?: string;
  readonly predictions?: string;
  /** The wrong answers that were given with most confidence. */
  readonly mistakes?: string;
}

const columns = 6;
const rows = 5;

/** Draws what is asked for. */
export async function writeFigures(
  { confusion, predictions, mistakes }: EvaluationFigures,
  counts: Counts,
  { source, classes }: TestData,
  title: string,
): Promise<void> {
  if (confusion !== undefined) await writeConfusion(confusion, counts, classes, title);
  if (predictions !== undefined) await drawSample(predictions, counts.answers, source, classes, title);
  if (mistakes !== undefined) await drawMistakes(mistakes, counts.answers, source, classes, title);
}

async function writeConfusion(
  path: string,
  counts: Counts,
  classes: readonly string[],
  title: string,
): Promise<void> {
  const ending = extname(path).toLowerCase();
  if (ending === '.json') {
    writeFileAtomic(path, `${JSON.stringify({ classes, confusion: counts.confusion })}\n`);
    return;
  }
  if (ending !== '.csv') return drawConfusion(path, counts, classes, title);
  const cell = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const rows = counts.confusion.map((row, label) => [cell(classes[label] as string), ...row].join(','));
  writeFileAtomic(path, `${['class', ...classes.map(cell)].join(',')}\r\n${rows.join('\r\n')}\r\n`);
}

/** Draws the confusion matrix of a test to `path` (.png or .svg). */
export async function drawConfusion(
  path: string,
  counts: Pick<Counts, 'n' | 'top1Error' | 'confusion'>,
  classes: readonly string[],
  title: string,
): Promise<void> {
  const subtitle = `${counts.n.toLocaleString('en')} pictures, top-1 error ${counts.top1Error.toFixed(2)} %`;
  await confusionMatrix(path, { counts: counts.confusion, classes, title, subtitle });
}

/** `drawSample` over a set of pictures. */
export async function drawPredictions(
  path: string,
  answers: readonly Answer[],
  dataset: PictureSet,
  title: string,
): Promise<void> {
  const all = allPositions(dataset.length);
  await drawSample(path, answers, sourceOf(dataset, all), dataset.classes, title);
}

/**
 * Draws a sheet of pictures with their top answers to `path`. Right and wrong ones are drawn evenly from all answers
 * (mostly right ones would fill the sheet otherwise); the subtitle says so.
 */
async function drawSample(
  path: string,
  answers: readonly Answer[],
  source: PictureSource,
  classes: readonly string[],
  title: string,
): Promise<void> {
  const correct = answers.filter(isRight);
  const failed = answers.filter((answer) => !isRight(answer));
  const wanted = columns * rows;
  const failures = spread(failed, Math.min(failed.length, wanted / 2));
  const successes = spread(correct, Math.min(correct.length, wanted - failures.length));
  const items = await sheetItems([...successes, ...failures], source, classes);
  const subtitle =
    `${successes.length} of ${correct.length.toLocaleString('en')} right answers, ` +
    `${failures.length} of ${failed.length.toLocaleString('en')} wrong ones`;
  await pictureSheet(path, { title, subtitle, columns, items });
}

/** Draws the wrong answers with the highest probability, the worst first. */
async function drawMistakes(
  path: string,
  answers: readonly Answer[],
  source: PictureSource,
  classes: readonly string[],
  title: string,
): Promise<void> {
  const failed = answers.filter((answer) => !isRight(answer));
  const confidence = ({ top }: Answer): number => top[0]?.probability ?? 0;
  const worst = failed.toSorted((a, b) => confidence(b) - confidence(a) || a.index - b.index);
  const shown = worst.slice(0, columns * rows);
  const items = await sheetItems(shown, source, classes);
  const subtitle =
    `the ${shown.length} wrong answers with the highest probability, of ${failed.length.toLocaleString('en')} ` +
    `in ${answers.length.toLocaleString('en')} pictures`;
  await pictureSheet(path, { title: `${title}: worst mistakes`, subtitle, columns, items });
}

function sheetItems(
  answers: readonly Answer[],
  source: PictureSource,
  classes: readonly string[],
): Promise<SheetItem[]> {
  return Promise.all(
    answers.map(async (answer) => {
      const truth = classes[answer.label] as string;
      const said = classes[answer.top[0]?.class as number] as string;
      return {
        ...(await sheetPicture(source, answer.index)),
        caption: isRight(answer) ? truth : `${said}, is ${truth}`,
        mark: isRight(answer) ? 'right' : 'wrong',
        bars: answer.top.slice(0, 3).map((candidate) => ({
          label: classes[candidate.class] as string,
          value: candidate.probability,
        })),
      } satisfies SheetItem;
    }),
  );
}

/** Long side of a picture on a sheet, px; smaller ones stay as they are. */
const sheetSide = 336;

async function sheetPicture(source: PictureSource, index: number) {
  const size = await source.size(index);
  const factor = Math.min(1, sheetSide / Math.max(size.height, size.width));
  const side = (length: number): number => Math.max(1, Math.round(length * factor));
  const least = { height: side(size.height), width: side(size.width) };
  const raster = await source.raster(index, 3, { least, interpolation: 'bilinear' }, size);
  const { data, height, width, channels, pixelStep, planeStep } = raster;
  const pixels = new Uint8Array(channels * height * width);
  for (let channel = 0, at = 0; channel < channels; channel++) {
    for (let i = 0; i < height * width; i++) {
      pixels[at++] = data[channel * planeStep + i * pixelStep] as number;
    }
  }
  return { pixels, channels, height, width };
}

function isRight({ label, top }: Answer): boolean {
  return top[0]?.class === label;
}

function spread<T>(list: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)] as T);
}
