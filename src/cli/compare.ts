// `laurel compare [NET...]`: networks beside each other, counted from their graphs, with published errors by
// protocol. No engine is loaded unless speeds are to be measured.
import type { Command } from 'commander';
import type { Comparison } from '../compare/compare.ts';
import { type ProtocolGroup, variantName } from '../compare/published.ts';
import { writeFileAtomic } from '../files.ts';
import type { Form } from '../nets/network.ts';
import { plural } from '../plural.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { type Align, bold, columns, count, dim, note, printResult, rounded, table } from './output.ts';
import { preparePlace } from './place.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<SharedOptions, 'json' | 'form' | 'batch' | 'engine' | 'dtype' | 'threads'>;
interface Options extends Shared {
  measure?: boolean;
  steps?: number;
  csv?: string;
  figure?: string;
}

const terminalWidth = 120;

export function addCompare(program: Command): void {
  const command = addVerb(
    program,
    'compare',
    'put networks beside each other: sizes, memory, speed, published errors',
    'laurel compare',
    'laurel compare resnet18 vgg16 googlenet --measure',
    'laurel compare --csv networks.csv --figure networks.png',
  )
    .argument('[net...]', 'names of networks; default: all of them')
    .addOption(
      sharedOption('batch', 'pictures per step; default: 32 for the memory of training, 1 to measure'),
    )
    .option('--measure', 'measure images per second of inference here (seconds to minutes for each network)')
    .option('--steps <n>', 'runs of each network that are timed; default: 5', wholeNumber(1))
    .option('--csv <file>', 'write the table as CSV')
    .option('--figure <file>', 'draw accuracy against multiply-adds (.png or .svg)');
  addShared(command, 'form', 'dtype', 'engine', 'threads');
  addJson(command).action(async (nets: string[], options: Options) => {
    const { json, batch, csv, figure } = options;
    const form = options.form as Form | undefined;
    for (const file of [csv, figure]) preparePlace(file);
    const { compare, measureSpeeds } = await import('../compare/compare.ts');
    let comparison = compare({ nets, form, batch });
    if (options.measure) {
      const { dtype, engine, threads, steps } = options;
      comparison = await measureSpeeds(comparison, {
        ...{ batch, dtype, engine, threads, steps, onNote: note },
        onNetwork: (name, index, all) => note(`measuring ${name} (${index + 1} of ${all})`),
      });
    }
    if (csv !== undefined) {
      const { toCsv } = await import('../compare/csv.ts');
      writeFileAtomic(csv, toCsv(comparison));
    }
    if (figure !== undefined) {
      const { accuracyFigure } = await import('../compare/accuracy-figure.ts');
      await accuracyFigure(figure, comparison.published);
    }
    const files = [csv, figure].filter((file) => file !== undefined);
    printResult(json, { ...comparison, files }, () =>
      [
        countsText(comparison, options.dtype === 'bf16' ? 'bf16' : 'f32'),
        ...comparison.published.map(publishedText),
        ...files.map((file) => `wrote ${file}`),
      ].join('\n\n'),
    );
  });
}

interface Column {
  readonly heading: string;
  readonly align: Align;
  readonly cells: readonly string[];
}

function countsText({ networks, batch }: Comparison, dtype: 'f32' | 'bf16'): string {
  const [first] = networks;
  const isMeasured = first?.measured !== undefined;
  const cell = (
    heading: string,
    align: Align,
    text: (each: (typeof networks)[number]) => string,
  ): Column => ({
    heading,
    align,
    cells: networks.map(text),
  });
  const list: Column[] = [
    cell('network', 'left', ({ net }) => net),
    cell('form', 'left', ({ form }) => form),
    cell('year', 'right', ({ year }) => `${year}`),
    ...(isMeasured ? [] : [cell('input', 'left', ({ input }) => input.join('x'))]),
    cell('depth', 'right', ({ depth }) => `${depth}`),
    cell('conv', 'right', ({ convolutions }) => `${convolutions}`),
    cell('fc', 'right', ({ linears }) => `${linears}`),
    cell('params', 'right', ({ params }) => rounded(params)),
    cell('MACs', 'right', ({ macs }) => rounded(macs)),
    cell('activ.', 'right', ({ activations }) => rounded(activations)),
    cell('train MiB', 'right', ({ trainingBytes }) => count(Math.ceil(trainingBytes[dtype].total / 2 ** 20))),
  ];
  if (isMeasured) {
    list.push(cell('images/s', 'right', ({ measured }) => speedText(measured?.imagesPerSecond ?? 0)));
  }
  const align = list.map((column) => column.align);
  const rows = [
    list.map(({ heading }) => heading),
    ...networks.map((_, i) => list.map(({ cells }) => cells[i] ?? '')),
  ];
  const taken = Math.max(...columns(rows, align).map((line) => line.length)) + 2;
  const withPlaces = rows.flatMap((row, i) => {
    const place = i === 0 ? 'place' : (networks[i - 1]?.place ?? '');
    return wrap(place, Math.max(16, terminalWidth - taken)).map((text, line) => [
      ...row.map((each) => (line === 0 ? each : '')),
      text,
    ]);
  });
  const notes = [
    'Counts are for one picture. depth: convolutions and linear layers on the longest way (gates of SE not counted);',
    'MACs: multiply-adds of convolutions and linear layers; activ.: output elements of the convolutions;',
    `train MiB: one step of SGD with momentum, batch ${batch}, ${dtype}: weights, gradients and momentum in f32, and the`,
    'activations and their gradients alive at the worst moment; no scratch memory of kernels.',
  ];
  const measured = first?.measured;
  if (measured !== undefined) {
    const place = [measured.engine, measured.isa, plural(measured.threads, 'thread')]
      .filter(Boolean)
      .join(', ');
    notes.push(`images/s: inference, batch ${measured.batch}, ${measured.dtype}, ${place}, median.`);
  }
  return `${table(withPlaces, align)}\n${dim(`\n${notes.join('\n')}`)}`;
}

function speedText(perSecond: number): string {
  return perSecond < 99.95 ? perSecond.toPrecision(3) : count(Math.round(perSecond));
}

/** Lines of at most `width` letters, broken at spaces; at least one. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function publishedText({ dataset, protocol, entries }: ProtocolGroup): string {
  const forms = new Set(entries.map(({ form }) => form));
  const rows = entries.map((entry) => [
    variantName(entry),
    ...(forms.size > 1 ? [entry.form] : []),
    errorText(entry.top1Error),
    errorText(entry.top5Error),
    entry.weights === undefined ? `from ${entry.source}` : `weights: ${entry.weights}`,
  ]);
  const heading = ['network', ...(forms.size > 1 ? ['form'] : []), 'top-1 %', 'top-5 %', ''];
  const align: Align[] = forms.size > 1 ? ['left', 'left', 'right', 'right'] : ['left', 'right', 'right'];
  return [
    bold(wrap(`Published errors on ${dataset}: ${protocol}`, terminalWidth).join('\n')),
    ...columns([heading, ...rows], align),
  ].join('\n');
}

function errorText(error: number | undefined): string {
  return error === undefined ? '' : error.toFixed(2);
}
