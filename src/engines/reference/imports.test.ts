// The reference engine, the graph and the networks' ops run in browsers: nothing they import, however far away,
// may be Node's or a package's.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Every module that `entry` reaches, with the specifiers that lead out of the sources. */
function walkImports(entry: URL): { files: Set<string>; outside: string[] } {
  const files = new Set<string>();
  const outside: string[] = [];
  const visit = (file: URL): void => {
    if (files.has(file.href)) return;
    files.add(file.href);
    const source = readFileSync(file, 'utf8').replaceAll(/^import type [^;]*;/gm, '');
    for (const [, specifier = ''] of source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g)) {
      if (specifier.startsWith('.')) visit(new URL(specifier, file));
      else outside.push(`${specifier} in ${file.pathname}`);
    }
  };
  visit(entry);
  return { files, outside };
}

it.each([
  './index.ts',
  '../cases.ts',
  '../../graph/ops/index.ts',
  '../../graph/cost.ts',
  '../../graph/autodiff.ts',
])('%s imports neither Node nor packages', (entry) => {
  const { files, outside } = walkImports(new URL(entry, import.meta.url));
  expect(outside).toEqual([]);
  expect(files.size).toBeGreaterThan(2);
});

it('keeps the graph free of everything else of ours', () => {
  const { files } = walkImports(new URL('../../graph/ops/index.ts', import.meta.url));
  expect([...files].filter((file) => !file.includes('/src/graph/'))).toEqual([]);
});

it('sees such imports where they are', () => {
  const { outside } = walkImports(new URL(import.meta.url));
  expect(outside.map((line) => line.split(' ')[0])).toEqual(['node:fs', 'vitest']);
});
