// The progress of a training for people. On a terminal one line is redrawn in place: bar, loss, error, speed and
// time left; elsewhere (logs, pipes) each epoch is one plain line. Results do not come here: they go to stdout.
import { styleText } from 'node:util';
import type { OpenProgress } from '../data/datasets.ts';
import { plural } from '../plural.ts';
import type { EpochRecord, TrainEvent } from './options.ts';
import { describeRecipe } from './recipes/describe.ts';
import type { Recipe } from './recipes/recipe.ts';

/** As much of a stream as is needed: process.stderr is one. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  readonly onEvent: (event: TrainEvent) => void;
  /** Leaves the terminal on a fresh line. */
  close(): void;
}

type Event<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>;

const redrawMs = 100;
const barWidth = 24;

/** Draws to `stream`, in colour where it is a terminal and NO_COLOR is not set. */
export function createProgress(
  stream: ProgressStream,
  options: { readonly now?: () => number; readonly environment?: NodeJS.ProcessEnv } = {},
): Progress {
  const { now = () => performance.now(), environment = process.env } = options;
  const terminal = stream.isTTY === true;
  const colour = terminal && !environment.NO_COLOR;
  let drawn = false;
  let lastDraw = Number.NEGATIVE_INFINITY;
  let lastItem = '';

  const dim = (text: string): string => (colour ? styleText('dim', text, { validateStream: false }) : text);
  const clear = (): void => {
    if (drawn) stream.write('\r\x1b[K');
    drawn = false;
  };
  const say = (text: string): void => {
    clear();
    stream.write(`${text}\n`);
  };
  /** Redraws the line in place; `final` ones are never skipped. */
  const draw = (share: number, label: string, details: string, final: boolean): void => {
    if (!terminal || (!final && now() - lastDraw < redrawMs)) return;
    lastDraw = now();
    const text = `${label} ${bar(share)} ${details}`;
    // One column is left free: a full line would wrap, and could not be redrawn.
    const room = (stream.columns ?? 80) - 1;
    const shown = [...text].slice(0, room).join('');
    const coloured = colour
      ? shown.replace(/[━╸]+/, (filled) => styleText('green', filled, { validateStream: false }))
      : shown;
    stream.write(`\r${coloured}\x1b[K`);
    drawn = true;
  };

  const drawData = ({ activity, item, done, total, unit }: OpenProgress): void => {
    const amount = (value: number): string =>
      unit === 'bytes' ? `${(value / 1e6).toFixed(1)} MB` : `${value}`;
    const verb = { download: 'Downloading', decode: 'Decoding', index: 'Finding the pictures of' }[activity];
    if (terminal) {
      const of = total === undefined ? '' : ` of ${amount(total)}`;
      draw(total ? done / total : 0, `${verb} ${item}`, `${amount(done)}${of}`, done === total);
    } else if (item !== lastItem) {
      say(`${verb} ${item}`);
    }
    lastItem = item;
  };

  const onEvent = (event: TrainEvent): void => {
    if (event.type === 'note') say(event.message);
    else if (event.type === 'data') drawData(event.progress);
    else if (event.type === 'start') for (const line of startLines(event)) say(dim(line));
    else if (event.type === 'epochEnd') say(epochLine(event));
    else if (event.type === 'end') clear();
    else if (event.type === 'evaluate') {
      const { done, total, split } = event;
      draw(done / total, split, `${done} of ${total} pictures`, done === total);
    } else if (event.type === 'watch') {
      const { done, total } = event;
      draw(done / total, 'evolution', `${done} of ${total} pictures`, done === total);
    } else if (event.type === 'step') {
      const { step, stepsPerEpoch } = event;
      draw(step / stepsPerEpoch, epochLabel(event), stepDetails(event), step === stepsPerEpoch);
    }
  };
  return { onEvent, close: clear };
}

function startLines(event: Event<'start'>): string[] {
  const { network, form, dataset, pictures, engine, dtype, batch, epochs } = event;
  const number = (value: number): string => value.toLocaleString('en-US');
  const held = pictures.validation > 0 ? `, ${number(pictures.validation)} for validation` : '';
  const place = [
    engine.library ?? `${engine.name} engine`,
    engine.isa,
    dtype,
    plural(engine.threads, 'thread'),
  ];
  const done = event.fromStep > 0 ? `, from step ${number(event.fromStep)} on` : '';
  const length = event.steps % event.stepsPerEpoch === 0 ? '' : `, ${number(event.steps)} in all`;
  const { accumulate = 1 } = event.recipe;
  const gathered = accumulate === 1 ? '' : `, an update every ${accumulate} steps`;
  return [
    `${network} (${form}, ${number(event.parameters)} parameters) on ${dataset}: ` +
      `${plural(pictures.train, 'picture')}${held}, ${number(pictures.test)} for the test`,
    `${plural(epochs, 'epoch')} of ${plural(event.stepsPerEpoch, 'step')}${length}, batch ${batch}${gathered}${done}; ` +
      place.filter(Boolean).join(', '),
    ...recipeLines(event.recipe, event.large),
  ];
}

/** The recipe as this run has it: how it learns on one line, what it learns from on the next. */
function recipeLines(recipe: Recipe, large: boolean): string[] {
  const rows = describeRecipe(recipe, large).filter(([name]) => name !== 'Length');
  const of = (...names: string[]): string =>
    rows
      .flatMap(([name, words]) => (names.includes(name) ? [`${name.toLowerCase()}: ${words}`] : []))
      .join('; ');
  return [
    `recipe ${recipe.name}: ${of('Rate', 'Optimiser', 'Loss', 'Average', 'Start', 'Stop')}`,
    of('Pictures', 'Input'),
  ];
}

function epochLabel({ epoch, epochs }: { epoch: number; epochs: number }): string {
  return `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
}

function stepDetails(event: Event<'step'>): string {
  return [
    `loss ${event.loss.toFixed(3)}`,
    `top-1 error ${event.top1Error.toFixed(1)} %`,
    speed(event.imagesPerSecond),
    `${clock(event.etaSeconds)} left`,
  ].join('  ');
}

function epochLine(event: EpochRecord & { epochs: number; etaSeconds: number }): string {
  const { validationTop1Error, validationLoss } = event;
  const parts = [`loss ${event.trainLoss.toFixed(3)}`, `top-1 error ${event.trainTop1Error.toFixed(2)} %`];
  if (validationTop1Error !== null && validationLoss !== null) {
    parts.push(
      `validation loss ${validationLoss.toFixed(3)}`,
      `top-1 error ${validationTop1Error.toFixed(2)} %${event.best ? ' (best)' : ''}`,
    );
  }
  if (event.imagesPerSecond !== null) parts.push(speed(event.imagesPerSecond));
  if (event.epoch < event.epochs && Number.isFinite(event.etaSeconds)) {
    parts.push(`${clock(event.etaSeconds)} left`);
  }
  return `${epochLabel(event)}  ${parts.join('  ')}`;
}

function speed(imagesPerSecond: number): string {
  const digits = imagesPerSecond < 10 ? 1 : 0;
  return `${imagesPerSecond.toLocaleString('en-US', { maximumFractionDigits: digits })} images/s`;
}

/** `0:42`, `12:05`, `3:07:12`; `--` while nothing is known. */
function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '--';
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A bar that moves by half a column. */
function bar(share: number): string {
  const halves = Math.round(2 * barWidth * Math.min(1, Math.max(0, share)));
  const filled = '━'.repeat(halves >> 1) + (halves % 2 === 1 ? '╸' : '');
  return filled + '─'.repeat(barWidth - filled.length);
}
