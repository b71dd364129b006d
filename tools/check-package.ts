// Checks the package as people get it: packs it, installs the tarball into an empty folder, and runs the
// installed command there, outside the checkout.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeBands } from '../test/pictures.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'laurel-package-'));
try {
  const packed = run(checkout, 'npm', 'pack', '--json', '--silent', '--pack-destination', folder);
  // What `prepack` prints comes before the JSON.
  const [{ filename, files }] = JSON.parse(packed.slice(packed.indexOf('[\n')));
  const paths = (files as { path: string }[]).map(({ path }) => path);
  expect(paths.includes('bin/laurel.mjs') && paths.includes('dist/cli/main.js'), 'it holds the command');
  expect(paths.includes('dist/index.d.ts'), 'it holds the declarations');
  expect(
    !paths.some((path) => /\.test\.|(testing|\/fuzzing)\.|\/cases|^src\//.test(path)),
    'it holds neither tests nor sources',
  );

  run(folder, 'npm', 'init', '--yes');
  run(folder, 'npm', 'install', '--no-save', `./${filename}`);
  const laurel = (...args: string[]) => JSON.parse(run(folder, 'npx', '--no', 'laurel', ...args, '--json'));
  const here = JSON.parse(run(checkout, process.execPath, 'bin/laurel.mjs', 'doctor', '--json'));
  expect(
    laurel('doctor').engine === here.engine,
    `it runs on the same engine as the checkout, ${here.engine}`,
  );
  expect(laurel('summary', 'lenet').params === 61_706, 'laurel summary lenet counts 61,706 parameters');
  writeBands(join(folder, 'bands'));
  const trained = laurel('train', 'lenet', '--data', 'bands', '--smoke', '--out', 'run');
  expect(trained.status === 'finished', 'it trains, with its threads and figures');
  const library = "import('laurel').then(({ findNetwork }) => console.log(findNetwork('lenet').year))";
  expect(
    run(folder, process.execPath, '--input-type=module', '-e', library).trim() === '1998',
    'the library loads',
  );
  console.log(`The package works: ${filename}, ${paths.length} files.`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(cwd: string, file: string, ...args: string[]): string {
  return execFileSync(file, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`The package is wrong: expected that ${what}.`);
  console.log(`ok: ${what}`);
}
