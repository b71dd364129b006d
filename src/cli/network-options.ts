// A network's own options by their own names: `laurel summary alexnet --groups 1` means `--set groups=1`. A name that
// the verb uses itself (`--width`, of a picture) stays the verb's; `--set` reaches those too. A slip in such a name gets the
// nearest ones, as a slip in a verb's own does from commander.
import type { Command } from 'commander';
import { didYouMean, editDistance, UserError } from '../errors.ts';

/**
 * The arguments with a network's options written as `--set`. Loads the networks only if something is left to explain.
 * Throws a UserError for a name that is nearest to one of the network's options.
 */
export async function nameNetworkOptions(program: Command, args: readonly string[]): Promise<string[]> {
  const known = new Set(verbOf(program, args).options.flatMap(({ long }) => long ?? []));
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const isStranger = (arg: string, at: number): boolean =>
    at < end && /^--\w/.test(arg) && arg !== '--help' && !known.has(arg.replace(/=.*/s, ''));
  if (!known.has('--set') || !args.some(isStranger)) return [...args];
  const { networks } = await import('../nets/index.ts');
  const network = networks.find(({ name }) => args.includes(name));
  const names = Object.values(network?.forms ?? {}).flatMap(({ options = {} }) => Object.keys(options));
  const result: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    const [, name = '', given] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (isStranger(arg, at) && names.includes(name)) {
      // A value that is missing is left for `--set` to refuse.
      const value = given ?? args[++at];
      result.push('--set', value === undefined ? name : `${name}=${value}`);
    } else {
      if (network !== undefined && isStranger(arg, at)) checkSlip(name, names, known, network.name);
      result.push(arg);
    }
  }
  return result;
}

/** Edits that still count as a slip. */
const mostEdits = 2;

/** Commander knows the verb's options alone, so a slip in a network's is told here. */
function checkSlip(
  name: string,
  names: readonly string[],
  known: ReadonlySet<string>,
  network: string,
): void {
  const away = (candidates: Iterable<string>): number =>
    Math.min(...Array.from(candidates, (each) => editDistance(name, each.replace(/^--/, ''))));
  const distance = away(names);
  if (distance > mostEdits || distance > away(known)) return;
  const near = [...new Set(names)].filter((each) => editDistance(name, each) <= mostEdits);
  throw new UserError(
    `unknown option '--${name}' of ${network}.${didYouMean(
      `--${name}`,
      near.map((each) => `--${each}`),
    )}`,
    { exitCode: 2 },
  );
}

/** The command that the first words choose. */
function verbOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((each) => each.name() === arg);
    if (next === undefined) break;
    command = next;
  }
  return command;
}
