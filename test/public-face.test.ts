import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as laurel from '../src/index.ts';

const source = fileURLToPath(new URL('../src', import.meta.url));

/** Files of ours that `entry` loads, directly or not, with the modules that are not ours. */
function loadedBy(entry: string): { files: string[]; modules: string[] } {
  const files = new Set<string>();
  const modules = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, 'utf8');
    // Imports of types alone disappear before anything runs.
    for (const [, type, specifier] of text.matchAll(/^(?:import|export) (type )?[^;]*?from '([^']+)';/gm)) {
      if (type !== undefined || specifier === undefined) continue;
      if (specifier.startsWith('.')) visit(join(dirname(file), specifier));
      else modules.add(specifier);
    }
  };
  visit(join(source, entry));
  return { files: [...files].map((file) => relative(source, file)), modules: [...modules] };
}

describe('the library', () => {
  it("does what the README's example says", () => {
    const { buildNetwork, costOf, createReferenceEngine, findNetwork, markOutput } = laurel;
    const network = buildNetwork(findNetwork('lenet'));
    expect(costOf(network.graph).parameters).toBe(61_706);
    markOutput('logits', network.logits);
    const program = createReferenceEngine().compile(network.graph);
    expect(program.run({ images: new Float32Array(32 * 32) }).logits).toHaveLength(10);
  });

  it('has a core without a line of Node', () => {
    const { files, modules } = loadedBy('core.ts');
    expect(files).toContain('engines/reference/index.ts');
    expect(modules).toEqual([]);
    const uses = files.filter((file) =>
      /\b(process|Buffer|require)(\.\w|\()/.test(readFileSync(join(source, file), 'utf8')),
    );
    expect(uses).toEqual([]);
  });

  it('loads neither the native library nor the picture decoder for the command line to start', () => {
    const { modules } = loadedBy('cli/main.ts');
    expect(modules.filter((name) => !name.startsWith('node:'))).toEqual(['commander']);
  });

  it('says of each function and constant what it is', () => {
    const bare = publicNames('index.ts').flatMap(([name, file]) => {
      const text = readFileSync(join(source, file), 'utf8');
      const declared = new RegExp(`(.*)\\n^export (?:async )?(?:function\\*?|const) ${name}\\b`, 'm').exec(
        text,
      );
      return declared === null || declared[1]?.endsWith('*/') ? [] : [`${name} in ${file}`];
    });
    expect(bare).toEqual([]);
  });
});

/** What `entry` exports that is there when it runs, with the file that declares it. */
function publicNames(entry: string): [name: string, file: string][] {
  const text = readFileSync(join(source, entry), 'utf8');
  const path = (specifier: string): string => join(dirname(entry), specifier);
  const listed = [...text.matchAll(/^export \{([^}]*)\} from '([^']+)';/gm)].flatMap(([, names, from]) =>
    (names as string)
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name): [string, string] => [name, path(from as string)]),
  );
  const whole = [...text.matchAll(/^export \* from '([^']+)';/gm)].flatMap(([, from]) => {
    const file = path(from as string);
    const own = [
      ...readFileSync(join(source, file), 'utf8').matchAll(
        /^export (?:async )?(?:function\*?|const) (\w+)/gm,
      ),
    ];
    return [...own.map(([, name]): [string, string] => [name as string, file]), ...publicNames(file)];
  });
  return [...listed, ...whole];
}
