// Each figure in docs/figures is made by a command and shown by a page.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './figures-data.ts';
import { figuresFolder } from './figures-group.ts';
import { figureGroups, measuredFigures } from './figures-list.ts';

const figures = readdirSync(figuresFolder);
const made = [...measuredFigures, ...figureGroups.flatMap(({ files }) => files)];
const pages = ['README.md', ...['docs', 'docs/networks'].flatMap((folder) => pagesIn(folder))];
const text = pages.map((page) => readFileSync(join(root, page), 'utf8')).join('\n');

function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
}

describe('docs/figures', () => {
  it('is what `npm run figures` and `npm run bench` make, each by one group', () => {
    expect(made.toSorted()).toEqual(figures.toSorted());
  });

  it.each(figures)('%s is shown by a page', (figure) => {
    expect(text).toContain(`figures/${figure}`);
  });

  it('has all that pages show', () => {
    const shown = [...text.matchAll(/figures\/([\w-]+\.(?:png|webp|gif))/g)].map(
      ([, name]) => name as string,
    );
    expect(shown.filter((name) => !figures.includes(name))).toEqual([]);
  });
});
