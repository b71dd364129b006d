// What all verbs have in common: `--json`, an example under `--help`, and how a failure ends: one sentence on
// stderr and exit code 1 (failed) or 2 (misused). Only a defect of Laurel shows a stack, and on request.
import { type Command, CommanderError } from 'commander';
import { didYouMean, UserError } from '../errors.ts';

/** Adds a verb to the program; its file adds arguments, options and the action. */
export function addVerb(program: Command, name: string, description: string, ...examples: string[]): Command {
  return program
    .command(name)
    .description(description)
    .addHelpText(
      'after',
      `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.map((e) => `  ${e}`).join('\n')}`,
    );
}

/** The last option of every verb. */
export function addJson(command: Command): Command {
  return command.option('--json', 'print the result as one JSON object');
}

/**
 * Commander asks for an option that is missing before it looks at those that it does not know: who misspells a name that has to be
 * there would be told that it is missing. Gives what to say in its place, or the error as it is.
 */
export function misspeltOption(error: unknown, program: Command, args: readonly string[]): unknown {
  if (!(error instanceof CommanderError) || error.code !== 'commander.missingMandatoryOptionValue')
    return error;
  let command = program;
  let rest = [...args];
  for (;;) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest = rest.slice(1);
  }
  const unknown = command
    .parseOptions(rest)
    .unknown.find((arg) => arg.startsWith('-'))
    ?.split('=')[0];
  if (unknown === undefined) return error;
  const names = command.options.flatMap(({ long }) => long ?? []);
  const sentence = `unknown option '${unknown}' of ${command.name()}.${didYouMean(unknown, names)}`;
  return new UserError(sentence, { exitCode: 2 });
}

/** Says what went wrong and gives the exit code for it. `verbs`: what there is to choose from. */
export function explainFailure(error: unknown, verbs: readonly string[]): number {
  if (error instanceof CommanderError) {
    // Asking for help or the version is no mistake.
    if (error.exitCode === 0) return 0;
    // `commander.help` is help that was printed because there was nothing else to do.
    if (error.code !== 'commander.help') process.stderr.write(`${misuse(error, verbs)}\n`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: ${message}\n`);
  const isDefect = !(error instanceof UserError);
  if (process.env.LAUREL_DEBUG === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
    if (error.cause !== undefined) process.stderr.write(`caused by: ${String(error.cause)}\n`);
  } else if (isDefect) {
    process.stderr.write('This is a defect of Laurel; LAUREL_DEBUG=1 shows where it happened.\n');
  }
  return isDefect ? 1 : error.exitCode;
}

/** Commander's message as one line: "error: unknown option '--bach'. Did you mean --batch?" */
function misuse({ message, code }: CommanderError, verbs: readonly string[]): string {
  const [sentence = '', suggestion] = message.trim().split('\n');
  const end = /[.?!]$/.test(sentence) ? sentence : `${sentence}.`;
  if (suggestion !== undefined) return `${end} ${suggestion.replace(/^\((.*)\)$/, '$1')}`;
  return `${end} ${code === 'commander.unknownCommand' ? `The commands are ${verbs.join(', ')}.` : '--help shows what there is.'}`;
}
