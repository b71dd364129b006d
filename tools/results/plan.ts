// What `npm run results` trains. Every run is one `laurel train` command that a reader can type; the order is the one
// in which they are done: minutes first, hours last.

export interface Run {
  /** Its folder below runs/results, and its key in docs/results.json. */
  readonly id: string;
  /** What sets it apart from the others of its experiment. */
  readonly label: string;
  readonly network: string;
  /** Behind `laurel train NETWORK`. */
  readonly arguments: readonly string[];
}

/** A claim, and two or more runs that differ in nothing else. The first run is the one that the claim favours. */
export interface Experiment {
  readonly id: string;
  /** Over its panel in the figure. */
  readonly title: string;
  readonly claim: string;
  readonly source: string;
  readonly runs: readonly Run[];
}

/** Runs of one experiment: shared arguments, and the few that differ. */
function variants(
  id: string,
  shared: readonly string[],
  list: readonly (readonly [label: string, network: string, ...own: string[]])[],
): Run[] {
  return list.map(([label, network, ...own]) => ({
    id: `${id}-${label.replace(/[^\w]+/g, '-').toLowerCase()}`,
    label,
    network,
    arguments: ['--form', 'cifar', ...own, ...shared],
  }));
}

/** Some classes of CIFAR-100, a few epochs; the rate is the recipe's, scaled with the batch (Goyal 2017). */
const brief = (classes: number, epochs: number, rate = 0.05): string[] => [
  ...['--data', `cifar-100@${classes}`, '--recipe', 'fast', '--epochs', `${epochs}`],
  ...['--batch', '32', '--lr', `${rate}`, '--seed', '1', '--dtype', 'f32'],
];

/** AlexNet has no batch norm: a lower rate, and the start that suits its activation, from which it learns within minutes. */
const alexnet = (epochs: number, initial: 'he' | 'glorot'): string[] => [
  ...['--data', 'cifar-100@10', '--recipe', 'fast', '--epochs', `${epochs}`],
  ...['--batch', '32', '--lr', '0.02', '--initial', initial, '--seed', '1', '--dtype', 'f32'],
];

export const experiments: readonly Experiment[] = [
  {
    id: 'residual',
    title: 'Residual or plain, 34 layers',
    claim: 'At 34 layers a residual network is better than the plain one of equal depth.',
    source: 'He et al. 2015, figure 4 and table 2',
    runs: variants('residual', brief(5, 3), [
      ['residual', 'resnet34'],
      ['plain', 'resnet34', '--shortcut', 'none'],
    ]),
  },
  {
    id: 'batch-norm',
    title: 'Batch norm or none, VGG-13',
    claim: 'A plain network of equal depth is better with batch norm.',
    source: 'Ioffe and Szegedy 2015; Simonyan and Zisserman 2014 (configuration B)',
    runs: variants(
      'batch-norm',
      // At 0.05 neither leaves chance: the fully connected layers, without batch norm in both, do not stand it.
      [...brief(10, 3, 0.01), '--initial', 'he'],
      [
        ['batch norm', 'vgg13_bn'],
        ['none', 'vgg13'],
      ],
    ),
  },
  {
    id: 'gate',
    title: 'Squeeze and excitation, 18 layers',
    claim: 'Squeeze and excitation improves a residual network.',
    source: 'Hu et al. 2018, table 2',
    runs: variants('gate', brief(5, 3), [
      ['gates', 'seresnet18'],
      ['none', 'resnet18'],
    ]),
  },
  {
    id: 'cardinality',
    title: 'Cardinality at equal cost, 50 layers',
    claim: 'At equal cost, 32 paths of 4 channels are better than one of 64.',
    source: 'Xie et al. 2017, table 3',
    runs: variants(
      'cardinality',
      [...brief(5, 3), '--autotune', 'on'],
      [
        ['32 paths', 'resnext50'],
        ['one path', 'resnext50', '--cardinality', '1', '--width', '64'],
      ],
    ),
  },
  ...(
    [
      [
        'pooling',
        'Overlapping pools, AlexNet',
        'Overlapping pools are better than plain ones.',
        'section 3.4',
        'plain pools',
        'pooling=plain',
      ],
      [
        'lrn',
        'Local response normalisation, AlexNet',
        'Local response normalisation helps.',
        'section 3.3',
        'no LRN',
        'lrn=false',
      ],
      [
        'relu',
        'ReLU or tanh, AlexNet',
        'ReLU learns faster than tanh.',
        'section 3.1, figure 1',
        'tanh',
        'activation=tanh',
      ],
    ] as const
  ).map(([id, title, claim, section, label, option]) => ({
    id,
    title,
    claim,
    source: `Krizhevsky et al. 2012, ${section}`,
    runs: [
      // One run of the unchanged network serves all three.
      { ...(variants('alexnet', alexnet(3, 'he'), [['as published', 'alexnet']])[0] as Run) },
      ...variants(id, alexnet(3, id === 'relu' ? 'glorot' : 'he'), [[label, 'alexnet', '--set', option]]),
    ],
  })),
];

/** Every how many steps a run of `precision` leaves a point of its curve. */
export const curveWindow = 8;

/** bf16 beside f32, in the fastest ways: the same two epochs, two seeds each, and the loss of every step. */
export const precision: readonly (Run & { readonly dtype: 'f32' | 'bf16' })[] = [1, 2].flatMap((seed) =>
  (['f32', 'bf16'] as const).map((dtype) => ({
    ...{
      id: `precision-${dtype}-${seed}`,
      label: `${dtype}, seed ${seed}`,
      network: 'resnet18',
      dtype,
    },
    arguments: [
      ...['--form', 'cifar', '--data', 'cifar-100', '--recipe', 'fast', '--epochs', '2'],
      ...['--seed', `${seed}`, '--dtype', dtype, '--autotune', 'on', '--log-every', '1'],
    ],
  })),
);

/** A row of the table of results, with what was published for the same network (`laurel compare` has its protocol). */
export interface Row extends Run {
  readonly form: 'cifar' | 'article';
}

const cifar100 = (network: string, form: Row['form'], epochs = 15): Row => ({
  id: `cifar-100-${network}${form === 'article' ? '-article' : ''}`,
  label: form,
  form,
  network,
  arguments: [
    ...['--form', form, '--data', 'cifar-100', '--recipe', 'fast', '--epochs', `${epochs}`, '--seed', '1'],
  ],
});

export const rows: readonly Row[] = [
  cifar100('resnet18', 'cifar'),
  cifar100('seresnet18', 'cifar'),
  cifar100('vgg16_bn', 'cifar'),
  cifar100('seresnet18', 'article'),
];

/** Too deep for two cores: the published recipe, which nobody has waited for here. */
const published = (network: string, form: Row['form']): Row => ({
  ...cifar100(network, form),
  id: `cifar-100-${network}-published`,
  arguments: ['--form', form, '--data', 'cifar-100', '--recipe', 'pytorch-cifar100', '--seed', '1'],
});

export const untrained: readonly Row[] = [
  published('vgg19_bn', 'cifar'),
  published('googlenet', 'article'),
  ...['resnet34', 'resnet50', 'resnet101', 'resnet152'].map((name) => published(name, 'cifar')),
  ...['resnext50', 'resnext101', 'resnext152'].map((name) => published(name, 'cifar')),
  ...['seresnet34', 'seresnet50', 'seresnet101', 'seresnet152'].map((name) => published(name, 'cifar')),
];

/** What is trained together under one name. */
const groups: ReadonlyMap<string, readonly Run[]> = new Map<string, readonly Run[]>([
  ...experiments.map(({ id, runs }) => [id, runs] as const),
  ['precision', precision],
]);

/** The runs of a group, or the one run of that name; none where there is neither. */
export function runsOf(name: string): readonly Run[] {
  return groups.get(name) ?? allRuns().filter(({ id }) => id === name);
}

/** Everything that `npm run results` trains, each once. */
export function allRuns(): Run[] {
  const runs = [...[...groups.values()].flat(), ...rows];
  return runs.filter((run, place) => runs.findIndex(({ id }) => id === run.id) === place);
}

/** The command as a reader types it. */
export function commandOf(run: Run): string {
  return ['laurel', 'train', run.network, ...run.arguments].join(' ');
}
