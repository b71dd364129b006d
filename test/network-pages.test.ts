// The pages of docs/networks: their numbers are what the graphs give, and their commands and files exist.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../src/cli/main.ts';
import { costOf } from '../src/graph/cost.ts';
import { families, findNetwork } from '../src/nets/index.ts';
import { buildNetwork, type Form } from '../src/nets/network.ts';
import { fillPage, networksOf, pages } from '../tools/network-pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (page: string): string => readFileSync(`${root}/docs/networks/${page}.md`, 'utf8');
const program = createProgram();

/** Cells of the rows that begin with the name of a network. */
function rowsOf(text: string): string[][] {
  return [...text.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name = '', rest = '']) => [
    name,
    ...rest.split(' | '),
  ]);
}

function countsOf(page: string): string[][] {
  return rowsOf(/<!-- counts -->([\s\S]*)<!-- \/counts -->/.exec(read(page))?.[1] ?? '');
}

it('every family has its page, and every page is listed', () => {
  expect(Object.values(pages).flat().sort()).toEqual(families.map(({ name }) => name).sort());
  const files = readdirSync(`${root}/docs/networks`).filter((file) => file !== 'README.md');
  expect(files.sort()).toEqual(
    Object.keys(pages)
      .map((page) => `${page}.md`)
      .sort(),
  );
  const index = readFileSync(`${root}/docs/networks/README.md`, 'utf8');
  for (const page of Object.keys(pages)) expect(index).toContain(`(${page}.md)`);
});

describe.each(Object.keys(pages))('docs/networks/%s.md', (page) => {
  it('has the counts of every form of every network, as the graphs give them', () => {
    const rows = countsOf(page);
    for (const [name = '', form, input, ...numbers] of rows) {
      const network = buildNetwork(findNetwork(name), { form: form as Form });
      const { depth, parameters, macs, activations } = costOf(network.graph);
      expect(input).toBe(network.images.shape.slice(1).join('x'));
      expect(
        numbers.map((text) => Number(text.replaceAll(',', ''))),
        `${name} ${form}`,
      ).toEqual([...[network.classes, depth, parameters, macs, activations]]);
    }
    const expected = networksOf(page).flatMap(({ name, forms }) =>
      Object.keys(forms).map((form) => `${name} ${form}`),
    );
    expect(rows.map(([name, form]) => `${name} ${form}`).sort()).toEqual(expected.sort());
  });

  it('is as `npm run figures` writes it: published errors and deviations too', () => {
    expect(
      fillPage(page, read(page)) === read(page),
      'run `npm run figures` and look at what it changes',
    ).toBe(true);
  });

  it('names commands, options and files that there are', () => {
    const text = read(page);
    for (const [, verb = '', rest = ''] of text.matchAll(/^(?:npx )?laurel (\S+)(.*)$/gm)) {
      const command = program.commands.find((candidate) => candidate.name() === verb);
      expect(command, verb).toBeDefined();
      const known = command?.options.map(({ long }) => long);
      for (const [option] of rest.matchAll(/--[a-z-]+/g)) expect(known).toContain(option);
    }
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)\)/g)) {
      if (!target.startsWith('https:'))
        expect(existsSync(`${root}/docs/networks/${target}`), target).toBe(true);
    }
  });
});
