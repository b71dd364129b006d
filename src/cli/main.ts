// The command line: `laurel VERB NET [options]`. This file only composes; each verb stands in its own file and
// loads what it needs when it runs, so that `laurel --help` does not wait for a native library.
import { Command } from 'commander';
import { version } from '../version.ts';
import { addBench } from './bench.ts';
import { addClassify } from './classify.ts';
import { addCompare } from './compare.ts';
import { addConvert } from './convert.ts';
import { addDiff } from './diff.ts';
import { addDoctor } from './doctor.ts';
import { addDraw } from './draw.ts';
import { addEval } from './eval.ts';
import { addExport } from './export.ts';
import { addFeatures } from './features.ts';
import { addForward } from './forward.ts';
import { addInspect } from './inspect.ts';
import { addLrFind } from './lr-find.ts';
import { addNets } from './nets.ts';
import { nameNetworkOptions } from './network-options.ts';
import { addPack } from './pack.ts';
import { addProbe } from './probe.ts';
import { addPull } from './pull.ts';
import { addQuantize } from './quantize.ts';
import { endRanks, refuseUnderLauncher, waitForTurn } from './rank-options.ts';
import { addRecipes } from './recipes.ts';
import { addReport } from './report.ts';
import { addRuns } from './runs.ts';
import { addSummary } from './summary.ts';
import { addTrain } from './train.ts';
import { explainFailure, misspeltOption } from './verb.ts';
import { addViz } from './viz.ts';

const start = `
Each command takes --help, with its options and examples, and --json. To begin with:
  laurel doctor
  laurel train lenet --data fashion-mnist --out runs/first
  laurel eval lenet --weights runs/first --per-class`;

export function createProgram(): Command {
  const program = new Command('laurel')
    .description('The networks that won ImageNet: build, train, evaluate and use them.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', start)
    .configureHelp({ subcommandTerm })
    // Mistakes are reported in one place, by `explainFailure`.
    .configureOutput({ outputError: () => {} })
    .hook('preAction', (_, command) => refuseUnderLauncher(command))
    .exitOverride();
  addDoctor(program);
  addNets(program);
  addRecipes(program);
  addSummary(program);
  addTrain(program);
  addLrFind(program);
  addRuns(program);
  addEval(program);
  addClassify(program);
  addForward(program);
  addExport(program);
  addQuantize(program);
  addBench(program);
  addPull(program);
  addPack(program);
  addInspect(program);
  addConvert(program);
  addCompare(program);
  addDiff(program);
  addDraw(program);
  addViz(program);
  addProbe(program);
  addFeatures(program);
  addReport(program);
  return program;
}

/** `train <net>`: every command has options, so they are not worth a word. */
function subcommandTerm(command: Command): string {
  const given = command.registeredArguments.map(
    (argument) => `${argument.name()}${argument.variadic ? '...' : ''}`,
  );
  return [command.name(), ...given.map((name) => `<${name}>`)].join(' ');
}

export async function main(args: readonly string[]): Promise<void> {
  // A reader that has seen enough (`laurel nets | head -1`) is no failure, nor is a terminal that was closed.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') process.exit();
    throw error;
  });
  const program = createProgram();
  const verbs = program.commands.map((command) => command.name());
  try {
    await program.parseAsync(await nameNetworkOptions(program, args), { from: 'user' });
  } catch (error) {
    await waitForTurn();
    process.exitCode = explainFailure(misspeltOption(error, program, args), verbs);
    await endRanks(process.exitCode);
  }
}
