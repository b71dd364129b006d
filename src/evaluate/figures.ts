// Pictures of a test's result: the confusion matrix, and a sheet of test pictures with what the network says of them.
import type { Dataset } from '../data/dataset.ts';
import { confusionMatrix } from '../figures/confusion.ts';
import { pictureSheet, type SheetItem } from '../figures/sheet.ts';
import type { Answer, Counts } from './evaluate-program.ts';

const columns = 6;
const rows = 5;

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

/**
 * Draws a sheet of pictures of `dataset` with their top answers to `path`. Right and wrong ones are drawn evenly
 * from all answers (mostly right ones would fill the sheet otherwise); the subtitle says so.
 */
export async function drawPredictions(
  path: string,
  answers: readonly Answer[],
  dataset: Dataset,
  title: string,
): Promise<void> {
  const correct = answers.filter(isRight);
  const failed = answers.filter((answer) => !isRight(answer));
  const wanted = columns * rows;
  const failures = spread(failed, Math.min(failed.length, wanted / 2));
  const successes = spread(correct, Math.min(correct.length, wanted - failures.length));
  const { channels, height, width, pixels, classes } = dataset;
  const size = channels * height * width;
  const items = [...successes, ...failures].map((answer): SheetItem => {
    const truth = classes[answer.label] as string;
    const said = classes[answer.top[0]?.class as number] as string;
    return {
      pixels: pixels.slice(answer.index * size, (answer.index + 1) * size),
      channels,
      height,
      width,
      caption: isRight(answer) ? truth : `${said}, is ${truth}`,
      mark: isRight(answer) ? 'right' : 'wrong',
      bars: answer.top.slice(0, 3).map((candidate) => ({
        label: classes[candidate.class] as string,
        value: candidate.probability,
      })),
    };
  });
  const subtitle =
    `${successes.length} of ${correct.length.toLocaleString('en')} right answers, ` +
    `${failures.length} of ${failed.length.toLocaleString('en')} wrong ones`;
  await pictureSheet(path, { title, subtitle, columns, items });
}

function isRight({ label, top }: Answer): boolean {
  return top[0]?.class === label;
}

function spread<T>(list: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)] as T);
}
