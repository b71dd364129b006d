// A part of a known data set's classes, for experiments of minutes: `cifar-100@10` is its first ten classes,
// `cifar-100@apple,bear` these two in this order. The request says it, so that whatever opens the data of a run again
// (a resumption, an evaluation) opens the same part.
import { didYouMean, UserError } from '../errors.ts';
import { allocateDataset, type Dataset } from './dataset.ts';

/** The data set's own name, and which classes of it are asked for; undefined: all. */
export function splitRequest(request: string): { readonly name: string; readonly part?: string } {
  const at = request.indexOf('@');
  return at < 0 ? { name: request } : { name: request.slice(0, at), part: request.slice(at + 1) };
}

/** The pictures of `dataset` whose class is asked for, in their order, named `request`. A UserError (misuse) otherwise. */
export function classesOf(dataset: Dataset, part: string, request: string): Dataset {
  const wanted = wantedClasses(dataset, part, request);
  const newLabel = new Map(wanted.map((label, place) => [label, place]));
  const kept = Array.from(dataset.labels.keys()).filter((i) => newLabel.has(dataset.labels[i] as number));
  const { channels, height, width } = dataset;
  const size = channels * height * width;
  const subset = allocateDataset({
    ...describe(dataset),
    name: request,
    length: kept.length,
    classes: wanted.map((label) => dataset.classes[label] as string),
  });
  for (const [place, index] of kept.entries()) {
    subset.pixels.set(dataset.pixels.subarray(index * size, (index + 1) * size), place * size);
    subset.labels[place] = newLabel.get(dataset.labels[index] as number) as number;
  }
  return subset;
}

function describe({ pixels: _pixels, labels: _labels, ...description }: Dataset) {
  return description;
}

function wantedClasses({ classes, name }: Dataset, part: string, request: string): number[] {
  if (/^\d+$/.test(part)) {
    const count = Number(part);
    if (count >= 2 && count <= classes.length) return Array.from({ length: count }, (_, label) => label);
    throw misuse(
      `${request} asks for ${count} classes; ${name} has ${classes.length}. Ask for 2 to ${classes.length}.`,
    );
  }
  const labels = part.split(',').map((wanted) => {
    const label = classes.indexOf(wanted.trim());
    if (label >= 0) return label;
    throw misuse(`${request}: ${name} has no class '${wanted.trim()}'.${didYouMean(wanted.trim(), classes)}`);
  });
  if (labels.length >= 2 && new Set(labels).size === labels.length) return labels;
  throw misuse(`${request} asks for ${labels.length} classes; expected two or more different ones.`);
}

function misuse(message: string): UserError {
  return new UserError(message, { exitCode: 2 });
}
