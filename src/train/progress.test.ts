import { describe, expect, it } from 'vitest';
import type { TrainEvent } from './options.ts';
import { createProgress } from './progress.ts';
import { fast } from './recipes/fast.ts';

const start: TrainEvent = {
  type: 'start',
  network: 'lenet',
  form: 'imagenet',
  parameters: 61706,
  dataset: 'fashion-mnist',
  epochs: 2,
  batch: 64,
  stepsPerEpoch: 10,
  steps: 20,
  recipe: fast,
  large: false,
  fromStep: 0,
  pictures: { train: 54000, validation: 6000, test: 10000 },
  engine: { name: 'onednn', library: 'oneDNN 3.7', isa: 'AVX2', threads: 2, dtypes: ['f32'] },
  dtype: 'f32',
  out: 'runs/a',
};

function step(number: number, etaSeconds = 75): TrainEvent {
  return {
    type: 'step',
    epoch: 1,
    epochs: 2,
    step: number,
    stepsPerEpoch: 10,
    loss: 0.51234,
    top1Error: 12.34,
    learningRate: 0.1,
    imagesPerSecond: 4812.4,
    etaSeconds,
  };
}

const epochEnd: TrainEvent = {
  type: 'epochEnd',
  epochs: 2,
  etaSeconds: 3725,
  epoch: 1,
  step: 10,
  trainLoss: 0.5,
  trainTop1Error: 20.5,
  trainTop5Error: 1,
  validationLoss: 0.4,
  validationTop1Error: 15.25,
  validationTop5Error: 1,
  best: true,
  learningRate: 0.1,
  imagesPerSecond: 4812.4,
  seconds: 9,
};

function show(
  events: readonly TrainEvent[],
  stream: { isTTY?: boolean; columns?: number },
  environment = {},
) {
  let clock = 0;
  let written = '';
  const write = (text: string) => {
    written += text;
  };
  const progress = createProgress({ ...stream, write }, { now: () => clock, environment });
  for (const event of events) {
    progress.onEvent(event);
    clock += 60;
  }
  progress.close();
  return written;
}

describe('createProgress', () => {
  it('writes one plain line per epoch where there is no terminal', () => {
    const text = show([start, step(1), step(2), { type: 'note', message: 'A note.' }, epochEnd], {});
    expect(text.split('\n')).toEqual([
      'lenet (imagenet, 61,706 parameters) on fashion-mnist: 54,000 pictures, 6,000 for validation, 10,000 for the test',
      '2 epochs of 10 steps, batch 64; oneDNN 3.7, AVX2, f32, 2 threads',
      'recipe fast: rate: one cycle with peak 0.2 after 30 %; optimiser: SGD, momentum 0.9 (Nesterov), ' +
        'weight decay 5e-4 on weights alone; loss: label smoothing 0.1',
      'pictures: padded by 4 px and cropped, mirrored; input: 0..1, mean of each channel subtracted, ' +
        'divided by the deviation',
      'A note.',
      'epoch 1/2  loss 0.500  top-1 error 20.50 %  validation loss 0.400  top-1 error 15.25 % (best)  ' +
        '4,812 images/s  1:02:05 left',
      '',
    ]);
  });

  it('redraws one line on a terminal, at most ten times a second, and leaves it clear', () => {
    const text = show(
      [step(1), step(2), step(3), step(10)],
      { isTTY: true, columns: 200 },
      { NO_COLOR: '1' },
    );
    const draws = text.split('\r').slice(1);
    expect(draws).toHaveLength(4);
    expect(draws[0]).toBe(
      `epoch 1/2 ━━╸${'─'.repeat(21)} loss 0.512  top-1 error 12.3 %  4,812 images/s  1:15 left\x1b[K`,
    );
    expect(draws[2]).toContain(`${'━'.repeat(24)} loss`);
    expect(draws[3]).toBe('\x1b[K');
    expect(text).not.toContain('\n');
  });

  it('colours only terminals that do not forbid it', () => {
    const terminal = { isTTY: true, columns: 200 };
    expect(show([step(5)], terminal)).toContain('\x1b[32m');
    expect(show([step(5)], terminal, { NO_COLOR: '1' })).not.toContain('\x1b[3');
    expect(show([start, epochEnd], {})).not.toContain('\x1b');
  });

  it('never fills the last column, and says so when the time left is unknown', () => {
    const text = show([step(5, Number.POSITIVE_INFINITY)], { isTTY: true, columns: 60 }, { NO_COLOR: '1' });
    const [line] = text.slice(1).split('\x1b');
    expect(line).toHaveLength(59);
    const wide = show([step(5, Number.POSITIVE_INFINITY)], { isTTY: true, columns: 160 }, { NO_COLOR: '1' });
    expect(wide).toContain('-- left');
  });

  it('tells of downloads: a line per file, or a bar', () => {
    const progress = (done: number): TrainEvent => ({
      type: 'data',
      progress: { activity: 'download', item: 'a.gz', done, total: 4e6, unit: 'bytes' },
    });
    expect(show([progress(0), progress(2e6), progress(4e6)], {})).toBe('Downloading a.gz\n');
    const text = show([progress(2e6)], { isTTY: true, columns: 100 }, { NO_COLOR: '1' });
    expect(text).toContain(`Downloading a.gz ${'━'.repeat(12)}${'─'.repeat(12)} 2.0 MB of 4.0 MB`);
  });
});
