// docs/results.md's computed parts: the experiments, and CIFAR-100 beside what was published for it.
import { findNetwork } from '../../src/nets/index.ts';
import { fillParts, table } from '../page-parts.ts';
import { commandOf, experiments, precision, type Row, rows, untrained } from './plan.ts';
import type { Outcome, Store } from './store.ts';
import { distance, verdictOf } from './verdict.ts';

export function fillResults(text: string, store: Store): string {
  return fillParts('docs/results.md', text, {
    experiments: experimentParts(store),
    precision: precisionPart(store),
    'cifar-100': cifarTable(store),
    untrained: untrainedTable(),
  });
}

const percent = (value: number | null | undefined): string => (value == null ? '' : `${value.toFixed(2)} %`);

function duration(seconds: number): string {
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function experimentParts(store: Store): string {
  return experiments
    .map((experiment) => {
      const outcomes = experiment.runs.map((run) => store[run.id]);
      const lines = experiment.runs.map((run, place) => {
        const outcome = outcomes[place];
        const command = `\`${commandOf(run)}\``;
        if (outcome === undefined) return [run.label, 'not trained', '', '', '', command];
        return [
          run.label,
          percent(outcome.testTop1Error),
          bestOf(outcome),
          percent(outcome.trainTop1Error),
          duration(outcome.seconds),
          command,
        ];
      });
      const heading = ['', 'test top-1 error', 'best epoch: test', 'training top-1 error', 'time', 'command'];
      return [
        `### ${experiment.claim}`,
        `${experiment.source}. ${verdictText(outcomes)}`,
        table(heading, lines),
      ].join('\n\n');
    })
    .join('\n\n');
}

function verdictText([favoured, other]: readonly (Outcome | undefined)[]): string {
  if (favoured?.testTop1Error == null || other?.testTop1Error == null) return '**Not measured yet.**';
  const { word, difference, deviation } = verdictOf(
    { error: favoured.testTop1Error, pictures: favoured.pictures.test },
    { error: other.testTop1Error, pictures: other.pictures.test },
  );
  const words = { 'as claimed': 'As claimed', undecided: 'Undecided', contradicted: 'Not so here' }[word];
  const sign = difference < 0 ? '-' : '+';
  return (
    `**${words}**: the test error differs by ${sign}${Math.abs(difference).toFixed(1)} points ` +
    `(standard error ${deviation.toFixed(1)}) after ${favoured.epochs} epochs of ` +
    `${favoured.pictures.train.toLocaleString('en-US')} pictures, one seed.`
  );
}

function bestOf({ best }: Outcome): string {
  return best === null ? '' : `${best.epoch}: ${percent(best.testTop1Error)}`;
}

function precisionPart(store: Store): string {
  const lines = precision.map((run) => {
    const outcome = store[run.id];
    const command = `\`${commandOf(run)}\``;
    if (outcome === undefined) return [run.label, 'not trained', '', '', '', command];
    const [first, last] = outcome.curve.map(({ validationTop1Error }) => percent(validationTop1Error));
    const ended = [percent(outcome.testTop1Error), duration(outcome.seconds), command];
    return [run.label, first ?? '', last ?? '', ...ended];
  });
  const heading = ['', 'validation, epoch 1', 'epoch 2', 'test top-1 error', 'time', 'command'];
  return [precisionText(store), table(heading, lines)].join('\n\n');
}

/** Types are held against seeds: two types of one seed, and two seeds of one type. */
function precisionText(store: Store): string {
  const apart = (...labels: readonly [string, string]): string => {
    const [a, b] = labels.map(
      (label) => store[precision.find((run) => run.label === label)?.id ?? '']?.losses,
    );
    return a === undefined || b === undefined ? 'not measured yet' : distance(a, b).toFixed(3);
  };
  return (
    'Mean distance of two curves of the training loss. Between f32 and bf16: ' +
    `${apart('f32, seed 1', 'bf16, seed 1')} (seed 1), ${apart('f32, seed 2', 'bf16, seed 2')} (seed 2). ` +
    `Between the seeds: ${apart('f32, seed 1', 'f32, seed 2')} (f32), ` +
    `${apart('bf16, seed 1', 'bf16, seed 2')} (bf16).`
  );
}

const publishedHeading = 'published (200 epochs, best epoch on the test set)';

function cifarTable(store: Store): string {
  const heading = [
    ...['network', 'form', 'seed', 'epochs', 'time', 'dtype', 'last: test top-1 / top-5'],
    ...['best epoch (validation): test top-1', publishedHeading, 'command'],
  ];
  const lines = rows.map((row) => {
    const outcome = store[row.id];
    const command = `\`${commandOf(row)}\``;
    if (outcome === undefined) {
      return [
        `\`${row.network}\``,
        row.form,
        '1',
        '15',
        'not trained',
        '',
        '',
        '',
        publishedFor(row),
        command,
      ];
    }
    const { best } = outcome;
    return [
      `\`${row.network}\``,
      row.form,
      `${outcome.seed}`,
      `${outcome.epochs}`,
      duration(outcome.seconds),
      outcome.dtype,
      `${percent(outcome.testTop1Error)} / ${percent(outcome.testTop5Error)}`,
      best === null
        ? ''
        : `${best.epoch} (${percent(best.validationTop1Error)}): ${percent(best.testTop1Error)}`,
      publishedFor(row),
      command,
    ];
  });
  return table(heading, lines);
}

function untrainedTable(): string {
  const lines = untrained.map((row) => [
    `\`${row.network}\``,
    row.form,
    'not trained',
    publishedFor(row),
    `\`${commandOf(row)}\``,
  ]);
  return table(['network', 'form', 'result', publishedHeading, 'command'], lines);
}

/** The published figure of the form; where the table has only the other form's, it says so. */
function publishedFor({ network, form }: Row): string {
  const results = findNetwork(network).published?.filter(({ dataset }) => dataset === 'CIFAR-100 test') ?? [];
  const own = results.find((result) => result.form === form);
  const found = own ?? results[0];
  if (found === undefined) return 'none';
  const note = own === undefined ? ` (form ${found.form})` : '';
  return `${found.top1Error} % / ${found.top5Error} %${note}`;
}
