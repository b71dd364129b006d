// docs/library.md: each of its programs compiles against the public face and runs, in a folder with the data that it names.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeBandPng, writeBands } from './pictures.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
const face = join(root, 'src/index.ts');
const programs = [...page.matchAll(/^## (.*)$[\s\S]*?^```ts\n([\s\S]*?)^```$/gm)].map(
  ([, title = '', text = '']) => ({
    title,
    file: `${title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}.ts`,
    text,
  }),
);

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'laurel-library-'));
  writeBands(join(folder, 'bands'));
  await writeBandPng(join(folder, 'band.png'), 3);
  for (const [label, name] of ['daisy', 'tulip'].entries()) {
    for (const split of ['train', 'val']) {
      mkdirSync(join(folder, 'flowers', split, name), { recursive: true });
      for (let i = 0; i < 4; i++) {
        const background = { r: 60 * i, g: 200 * label, b: 90 };
        const picture = sharp({ create: { width: 300, height: 280 + i, channels: 3, background } });
        await picture.jpeg().toFile(join(folder, 'flowers', split, name, `${i}.jpg`));
      }
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('docs/library.md', () => {
  it('has programs', () => {
    expect(programs.length).toBeGreaterThan(6);
    expect(programs.every(({ text }) => text.includes("from 'laurel'"))).toBe(true);
  });

  it('compiles', () => {
    const place = join(folder, 'compiled');
    mkdirSync(place);
    symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
    for (const { file, text } of programs) writeFileSync(join(place, file), text);
    const compilerOptions = {
      typeRoots: [join(root, 'node_modules/@types')],
      paths: { laurel: [face] },
      rewriteRelativeImportExtensions: false,
    };
    const include = ['*.ts', join(root, 'src/**/*.d.ts')];
    writeFileSync(join(place, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(place, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include }),
    );
    let told = '';
    try {
      execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', place], {
        encoding: 'utf8',
      });
    } catch (error) {
      told = (error as { stdout: string }).stdout;
    }
    expect(told).toBe('');
  });

  it.each(programs.map((program) => [program.title, program] as const))('%s', (_, { file, text }) => {
    writeFileSync(join(folder, file), text.replaceAll("'laurel'", `'${pathToFileURL(face).href}'`));
    const told = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
    });
    expect(told).not.toMatch(/undefined|NaN/);
    expect(told.trim()).not.toBe('');
  });
});
