// The pictures of docs/looking-inside*.md, made by the command line as a reader would. Those of GoogLeNet need its
// published weights (googlenet-bvlc.safetensors) and the photographs in ../shared/data; those of LeNet train it first.
import { join } from 'node:path';
import { shared, weights } from './figures-data.ts';
import { type FigureGroup, inFolder, keep, laurel } from './figures-group.ts';

const photo = (name: string): string => join(shared, 'photos', name);
const images = (...names: string[]): string[] => names.flatMap((name) => ['--image', photo(name)]);

interface Figure {
  /** In docs/figures, and the file that the command leaves. */
  readonly file: string;
  /** Default png; webp is an animation. */
  readonly kind?: 'png' | 'webp';
  readonly made: string;
  /** px. */
  readonly width: number;
  /** The command, but for --weights and --out. */
  readonly args: readonly string[];
}

const ofGoogLeNet: readonly Figure[] = [
  {
    file: 'projection',
    made: 'projection.png',
    width: 682,
    args: ['viz', 'deconv', 'googlenet', ...images('chelsea.png'), '--layer', 'inception4a', '--unit', '300'],
  },
  {
    file: 'rules',
    made: 'rules.png',
    width: 1400,
    args: ['viz', 'rules', 'googlenet', ...images('chelsea.png'), '--layer', 'inception4a', '--unit', '182'],
  },
  {
    file: 'gradcam',
    made: 'gradcam.png',
    width: 1200,
    args: ['viz', 'gradcam', 'googlenet', ...images('chelsea.png', 'coffee.png')],
  },
  {
    file: 'activations',
    made: 'activations.png',
    width: 1200,
    args: ['viz', 'activations', 'googlenet', ...images('chelsea.png'), '--layer', 'conv1'],
  },
  { file: 'filters', made: 'filters.png', width: 1280, args: ['viz', 'filters', 'googlenet'] },
  {
    file: 'occlusion',
    made: 'occlusion.png',
    width: 2048,
    args: [
      ...['viz', 'occlusion', 'googlenet', ...images('coffee.png'), '--size', '48', '--stride', '8'],
      ...['--layer', 'inception4e'],
      ...['chelsea.png', 'rocket.jpg', 'astronaut.png'].flatMap((name) => ['--other', photo(name)]),
    ],
  },
  {
    file: 'invariance',
    made: 'invariance.png',
    width: 2432,
    args: [
      'viz',
      'invariance',
      'googlenet',
      ...images('chelsea.png', 'coffee.png', 'rocket.jpg', 'astronaut.png'),
    ],
  },
];

const ofLeNet: readonly Figure[] = [
  {
    file: 'top-lenet',
    made: 'top-conv2.png',
    width: 1980,
    args: ['viz', 'top', 'lenet', '--layer', 'conv2', '--units', '4,6,8,13', '--no-cache'],
  },
];

const evolution: Omit<Figure, 'made' | 'width'> = {
  file: 'evolution',
  args: ['viz', 'evolution', 'lenet', '--layer', 'conv2', '--units', '0,2,4,8,9,12', '--no-cache'],
};

/** From a training of 20 epochs that is watched. */
const ofWatchedLeNet: readonly Figure[] = [
  { ...evolution, made: 'evolution-conv2.png', width: 1215 },
  { ...evolution, kind: 'webp', made: 'evolution-conv2.webp', width: 888 },
  { file: 'probe', made: 'probe.png', width: 1440, args: ['probe', 'lenet'] },
];

export const googLeNetInside: FigureGroup = {
  name: 'googlenet-inside',
  needs: [weights, photo('chelsea.png')],
  files: filesOf(ofGoogLeNet),
  make: () =>
    inFolder(async (folder) => {
      for (const figure of ofGoogLeNet) await make(figure, weights, folder);
    }),
};

export const leNetInside: FigureGroup = {
  name: 'lenet-inside',
  files: ['quickstart.png', ...filesOf(ofLeNet), ...filesOf(ofWatchedLeNet)],
  make: () =>
    inFolder(async (folder) => {
      const run = join(folder, 'lenet');
      const recipe = ['--data', 'fashion-mnist', '--recipe', 'lenet', '--seed', '1'];
      laurel('train', 'lenet', ...recipe, '--out', run);
      // `npm run quickstart` trains the very same.
      await keep(join(run, 'figures/predictions.png'), 'quickstart.png', 1400);
      for (const figure of ofLeNet) await make(figure, run, folder);
      const watched = join(folder, 'watched');
      const watch = ['--epochs', '20', '--watch', 'conv1,conv2', '--watch-epochs', '0,1,2,5,10,20'];
      laurel('train', 'lenet', ...recipe, ...watch, '--out', watched);
      for (const figure of ofWatchedLeNet) await make(figure, watched, folder);
    }),
};

function filesOf(figures: readonly Figure[]): string[] {
  return figures.map(({ file, kind = 'png' }) => `${file}.${kind}`);
}

async function make(figure: Figure, weightsFile: string, folder: string): Promise<void> {
  const { file, kind = 'png', made, width, args } = figure;
  const out = join(folder, file);
  laurel(...args, '--weights', weightsFile, '--out', out);
  await keep(join(out, made), `${file}.${kind}`, width);
}
