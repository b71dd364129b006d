// `npm run figures`: draws the figures of the docs and fills in what the pages of docs/networks compute. These follow
// from the networks alone, so that a second run changes nothing; the pictures of what trained networks see follow.
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { accuracyFigure } from '../src/compare/accuracy-figure.ts';
import { publishedByProtocol } from '../src/compare/published.ts';
import { diagramOf } from '../src/diagram/diagram.ts';
import { diagramFigure } from '../src/diagram/figure.ts';
import { writeFileAtomic } from '../src/files.ts';
import { findNetwork, networks } from '../src/nets/index.ts';
import { type BuildOptions, buildNetwork } from '../src/nets/network.ts';
import { lookingInsideFigures } from './looking-inside-figures.ts';
import { fillPage, pages } from './network-pages.ts';

const docs = fileURLToPath(new URL('../docs', import.meta.url));

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

mkdirSync(`${docs}/figures`, { recursive: true });
await accuracyFigure(`${docs}/figures/compare.png`, publishedByProtocol(networks));
await shrink('compare');
for (const [file, net, build] of diagrams) {
  const diagram = diagramOf(buildNetwork(findNetwork(net), build));
  await diagramFigure(`${docs}/figures/${file}.png`, diagram.content, diagram);
  await shrink(file);
}
for (const page of Object.keys(pages)) {
  const path = `${docs}/networks/${page}.md`;
  writeFileAtomic(path, fillPage(page, readFileSync(path, 'utf8')));
}
await lookingInsideFigures();

/** Line drawings need few colours. */
async function shrink(file: string): Promise<void> {
  const path = `${docs}/figures/${file}.png`;
  writeFileAtomic(
    path,
    await sharp(path, { limitInputPixels: false }).png({ palette: true, effort: 10 }).toBuffer(),
  );
  process.stdout.write(`wrote docs/figures/${file}.png\n`);
}
