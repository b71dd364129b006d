// A test that ranks share: each answers for some of the pictures, and every one gets the counts of all, in the order in
// which one process counts them, so that sums have the same last bits.
import { crc32 } from 'node:zlib';
import type { Ranks } from '../distribute/ranks.ts';
import type { Model } from './model.ts';
import type { Answer, Counts } from './tally.ts';

/**
 * `own` with the answers of all ranks. `places`: of each own answer in the order of one process. `meanLoss`: where the
 * caller has that of all; else it follows from the answers.
 */
export function countsOfAll(
  own: Pick<Counts, 'answers' | 'confusion' | 'seconds'>,
  places: readonly number[],
  ranks: Ranks,
  meanLoss?: number,
): Counts {
  const classes = own.confusion.length;
  const found = ranks.gather(own.answers.map((answer, i) => ({ place: places[i] as number, answer })));
  const answers = found
    .flat()
    .sort((a, b) => a.place - b.place)
    .map(({ answer }) => answer);
  const loss =
    meanLoss ?? -answers.reduce((sum, { probability }) => sum + Math.log(probability), 0) / answers.length;
  return { ...countAnswers(answers, classes), loss, seconds: own.seconds, answers };
}

/** CRC-32 of the tensors of models, by which ranks tell that they have the same. */
export function checksumOf(models: readonly Model[]): string {
  let sum = 0;
  for (const { file } of models) {
    for (const { data } of file.tensors.values()) {
      sum = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sum);
    }
  }
  return sum.toString(16).padStart(8, '0');
}

function countAnswers(
  answers: readonly Answer[],
  classes: number,
): Pick<Counts, 'n' | 'top1Error' | 'top5Error' | 'confusion'> {
  const n = answers.length;
  const within = (limit: number): number => answers.filter(({ rank }) => rank < limit).length;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, top } of answers) {
    const row = confusion[label] as number[];
    const answer = top[0]?.class as number;
    row[answer] = (row[answer] as number) + 1;
  }
  return {
    n,
    top1Error: (100 * (n - within(1))) / n,
    top5Error: (100 * (n - within(5))) / n,
    confusion,
  };
}
