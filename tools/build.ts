// `npm run build`: the sources as JavaScript and declarations in `dist/`, for publishing only; from a checkout
// everything runs as it stands in `src/`.
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
rmSync('dist', { recursive: true, force: true });
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
// What the sources read beside themselves.
for (const file of globSync('src/**/*.{json,txt,md,ttf,woff,css,js}')) {
  cpSync(file, file.replace(/^src/, 'dist'));
}
