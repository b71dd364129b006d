// Laurel's own version, as the package states it.
import { readFileSync } from 'node:fs';

/** `0.1.0`. */
export const version: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;
