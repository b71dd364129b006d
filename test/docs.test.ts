// What the docs show must exist: commands and their options, networks with their sizes, files.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../src/cli/main.ts';
import { costOf } from '../src/graph/cost.ts';
import { families } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(`${root}/${file}`, 'utf8');
const readme = read('README.md');
const program = createProgram();

/** The lines of code blocks that call the command, of docs and of every command's own help. */
function commandLines(): string[] {
  const commands = program.commands.flatMap((command) => [command, ...command.commands]);
  const help = commands.map((command) => {
    let text = '';
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    return text;
  });
  const pages = readdirSync(`${root}/docs`).filter((name) => name.endsWith('.md'));
  const texts = [readme, ...pages.map((name) => read(`docs/${name}`)), ...help].join('\n');
  return [...texts.matchAll(/^\s*(?:npx )?laurel ([a-z].*)$/gm)].map(([, line]) =>
    (line ?? '').replace(/\s+#.*/, ''),
  );
}

describe('the docs', () => {
  it.each(commandLines())('laurel %s is a command with options that there are', (line) => {
    const [verb = '', ...words] = line.split(/\s+/);
    let command = program.commands.find((candidate) => candidate.name() === verb);
    // Verbs of a verb: `viz deconv`; `runs` is a verb without one too.
    if (command !== undefined && command.commands.length > 0) {
      const inner = command.commands.find((candidate) => candidate.name() === words[0]);
      command = inner ?? (command.registeredArguments.length > 0 ? command : undefined);
    }
    expect(command, verb).toBeDefined();
    const known = command?.options.flatMap(({ long, short }) => [long, short]);
    for (const word of words.filter((each) => each.startsWith('-'))) {
      expect(known).toContain(word.split('=')[0]);
    }
  });

  it('README has every network with its size, in the row of its family', () => {
    for (const { name, networks } of families) {
      const row = readme.split('\n').find((line) => new RegExp(`^\\| ${name} +\\|`).test(line));
      for (const description of networks) {
        const { parameters } = costOf(buildNetwork(description).graph);
        expect(row).toContain(`\`${description.name}\` ${parameters.toLocaleString('en-US')}`);
        for (const form of Object.keys(description.forms)) expect(row, description.name).toContain(form);
      }
    }
  });

  it('README names npm scripts and folders that are there, in at most 120 lines', () => {
    const { scripts } = JSON.parse(read('package.json'));
    for (const [, script] of readme.matchAll(/npm run ([a-z0-9:]+)/g))
      expect(scripts).toHaveProperty([script ?? '']);
    for (const [, folder] of readme.matchAll(/^((?:src|docs|test|bench)\/\S*) /gm)) {
      expect(existsSync(`${root}/${folder}`), folder).toBe(true);
    }
    expect(readme.split('\n').length).toBeLessThanOrEqual(121);
  });
});
