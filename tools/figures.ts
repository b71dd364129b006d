// `npm run figures [-- NAME...]`: draws the figures of the docs, all of them or the named groups; `--list` says which there
// are. Those of the networks follow from the networks alone; others train LeNet first (minutes), or need what is not
// part of the checkout: what cannot be made here is named, and its pictures stay as they are.
import { existsSync, mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { figuresFolder } from './figures-group.ts';
import { figureGroups } from './figures-list.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean', default: false } },
});
const unknown = positionals.find((name) => !figureGroups.some((group) => group.name === name));
if (unknown !== undefined) {
  console.error(
    `There are no figures named '${unknown}'; there are ${figureGroups.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(2);
}
mkdirSync(figuresFolder, { recursive: true });
for (const { name, files, needs = [], make } of figureGroups) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const absent = needs.find((path) => !existsSync(path));
  if (values.list) console.log(`${name}: ${files.join(', ')}`);
  else if (absent === undefined) await make();
  else console.log(`left as they are, because there is no ${absent}: ${files.join(', ')}`);
}
