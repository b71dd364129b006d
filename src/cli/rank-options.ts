// The options of work that several ranks divide, and how a rank's failure ends all of them.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, CommanderError, Option } from 'commander';
import type { Wire } from '../distribute/exchange.ts';
import { type Launch, launchOf } from '../distribute/mpi/library.ts';
import type { Ranks } from '../distribute/ranks.ts';
import { UserError } from '../errors.ts';
import { oneOf, wholeNumber } from './options.ts';

/** Values under commander's names. */
export interface RankFlags {
  ranks?: number;
  wire?: Wire;
  syncBn?: boolean;
  towers?: number;
  rankTimeout?: number;
}

/** Those of a verb that shares pictures out. */
export function addShareFlags(command: Command): Command {
  const valued = (flags: string, description: string, parse: (text: string) => unknown): Command =>
    command.addOption(new Option(flags, description).argParser(parse));
  valued('--ranks <n>', 'as so many processes on this machine (under mpirun: as it says)', wholeNumber(1));
  return valued('--rank-timeout <s>', 'how long a silent rank is waited for; default: 120', wholeNumber(1));
}

/** Those of a training. */
export function addRankFlags(command: Command): Command {
  command.optionsGroup('Several processes and machines:');
  const valued = (flags: string, description: string, parse: (text: string) => unknown): Command =>
    command.addOption(new Option(flags, description).argParser(parse));
  addShareFlags(command);
  valued('--wire <type>', 'gradients travel as f32 (default) or bf16', oneOf('f32', 'bf16'));
  command.option('--sync-bn', 'batch norm over the batches of all ranks');
  command.option('--no-sync-bn', 'batch norm over the batch of each rank');
  valued('--towers <n>', "2: AlexNet's two towers, one on each of two ranks, as in 2012", wholeNumber(1));
  return command.optionsGroup('Options:');
}

/** Whether this process is to start ranks of itself. Throws a UserError where a launcher has started another number. */
export function startsRanks(
  { towers, ranks = towers }: RankFlags,
  launch: Launch | undefined = launchOf(),
): boolean {
  if (ranks === undefined) return false;
  if (launch === undefined) return ranks > 1;
  if (launch.size === ranks) return false;
  const flag = towers === undefined ? '--ranks' : '--towers';
  throw new UserError(
    `${flag} ${ranks} under a launcher that started ${launch.size}: leave out ${flag}, or give it the same number.`,
    { exitCode: 2 },
  );
}

/** The verbs that divide their work, and one that tells of the process that it runs in. */
const verbsOfRanks: ReadonlySet<string> = new Set(['train', 'eval', 'viz top', 'doctor']);

/** All other verbs are of one process: under a launcher of several, the first one says so for all. */
export function refuseUnderLauncher(command: Command, launch: Launch | undefined = launchOf()): void {
  const parent = command.parent?.parent ? `${command.parent.name()} ` : '';
  const verb = `${parent}${command.name()}`;
  if (launch === undefined || launch.size === 1 || verbsOfRanks.has(verb)) return;
  if (launch.rank > 0) throw new CommanderError(2, 'commander.help', '');
  throw new UserError(
    `laurel ${verb} runs in one process, and a launcher has started ${launch.size}: leave out mpirun; ` +
      'train, eval and viz top are those that divide their work.',
    { exitCode: 2 },
  );
}

/**
 * Does the work of a verb as the ranks that were asked for: as ranks that it starts, or as the one of them that this
 * process is.
 */
export async function asRanks(flags: RankFlags, work: (ranks: Ranks) => Promise<void>): Promise<void> {
  if (startsRanks(flags)) {
    const { runAsRanks } = await import('../distribute/launch.ts');
    process.exitCode = await runAsRanks(flags.ranks ?? 1);
    return;
  }
  const ranks = await joinAsked(flags);
  await work(ranks);
  ranks.leave();
}

/** A rehearsal is of one process. */
export function refuseRanks(flags: RankFlags, what: string): void {
  if ((launchOf()?.size ?? 1) === 1 && (flags.ranks ?? flags.towers ?? 1) === 1) return;
  const flag = flags.towers === undefined ? '--ranks' : '--towers';
  throw new UserError(`${what} runs in one process; leave out ${flag} and mpirun.`, { exitCode: 2 });
}

/** The ranks that this process belongs to; the binding of MPI is loaded only where there are several. */
export async function joinAsked({ wire, rankTimeout }: RankFlags): Promise<Ranks> {
  const { joinRanks } = await import('../distribute/ranks.ts');
  return joinRanks({ wire, patienceSeconds: rankTimeout });
}

/**
 * Waits until this rank may say what went wrong: where all fail alike, the first one says it and ends the others before
 * it is their turn. On a busy machine one may start seconds after another.
 */
export async function waitForTurn(launch: Launch | undefined = launchOf()): Promise<void> {
  if (launch === undefined || launch.rank === 0) return;
  await sleep(Math.min(6000, 4000 + 100 * launch.rank));
}

/** Ends all ranks, of which this one has failed; nothing where this process is alone. */
export async function endRanks(exitCode: number): Promise<void> {
  if (exitCode === 0 || launchOf() === undefined) return;
  const { joinedRanks } = await import('../distribute/ranks.ts');
  joinedRanks()?.abort(exitCode);
}
