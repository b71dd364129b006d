// The figures that follow from the networks alone, and what the pages of docs/networks compute: a second run changes nothing.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accuracyFigure } from '../src/compare/accuracy-figure.ts';
import { publishedByProtocol } from '../src/compare/published.ts';
import { diagramOf } from '../src/diagram/diagram.ts';
import { diagramFigure } from '../src/diagram/figure.ts';
import { writeFileAtomic } from '../src/files.ts';
import { findNetwork, networks } from '../src/nets/index.ts';
import { type BuildOptions, buildNetwork } from '../src/nets/network.ts';
import { root } from './figures-data.ts';
import { type FigureGroup, inFolder, keep } from './figures-group.ts';
import { fillPage, pages } from './network-pages.ts';

const diagrams: readonly (readonly [file: string, net: string, build?: BuildOptions])[] = [
  ['lenet', 'lenet'],
  ['alexnet', 'alexnet'],
  ['zfnet', 'zfnet'],
  ['vgg16', 'vgg16'],
  ['googlenet', 'googlenet'],
  ['resnet18', 'resnet18'],
  ['resnet152', 'resnet152'],
  ['resnext50-paths', 'resnext50_32x4d', { options: { construction: 'split-sum' } }],
  ['senet154', 'senet154'],
];

export const networkFigures: FigureGroup = {
  name: 'networks',
  files: ['compare.png', ...diagrams.map(([file]) => `${file}.png`)],
  make: () =>
    inFolder(async (folder) => {
      const made = join(folder, 'figure.png');
      await accuracyFigure(made, publishedByProtocol(networks));
      await keep(made, 'compare.png');
      for (const [file, net, build] of diagrams) {
        const diagram = diagramOf(buildNetwork(findNetwork(net), build));
        await diagramFigure(made, diagram.content, diagram);
        await keep(made, `${file}.png`);
      }
      for (const page of Object.keys(pages)) {
        const path = join(root, `docs/networks/${page}.md`);
        writeFileAtomic(path, fillPage(page, readFileSync(path, 'utf8')));
      }
    }),
};
