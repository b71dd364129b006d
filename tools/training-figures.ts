// The figures of docs/training-tools.md, by the commands that stand there.
import { join } from 'node:path';
import { type FigureGroup, inFolder, keep, laurel } from './figures-group.ts';

const onFashion = ['lenet', '--data', 'fashion-mnist'];

export const rateFigure: FigureGroup = {
  name: 'lr-find',
  files: ['lr-find.png'],
  make: () =>
    inFolder(async (folder) => {
      laurel('lr-find', ...onFashion, '--out', folder);
      await keep(join(folder, 'lr-find.png'), 'lr-find.png');
    }),
};

export const runsFigure: FigureGroup = {
  name: 'runs-diff',
  files: ['runs-diff.png'],
  make: () =>
    inFolder(async (folder) => {
      const [first, slow, both] = ['first', 'slow', 'both.png'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      laurel('train', ...onFashion, '--epochs', '4', '--out', first);
      laurel('train', ...onFashion, '--epochs', '4', '--lr', '0.01', '--out', slow);
      laurel('runs', 'diff', first, slow, '--figure', both);
      await keep(both, 'runs-diff.png');
    }),
};
