// The options of a training by several ranks, and how a rank's failure ends all of them.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
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
  rankTimeout?: number;
}

export function addRankFlags(command: Command): Command {
  command.optionsGroup('Several processes and machines:');
  const valued = (flags: string, description: string, parse: (text: string) => unknown): Command =>
    command.addOption(new Option(flags, description).argParser(parse));
  valued('--ranks <n>', 'as so many processes on this machine (under mpirun: as it says)', wholeNumber(1));
  valued('--wire <type>', 'gradients travel as f32 (default) or bf16', oneOf('f32', 'bf16'));
  command.option('--sync-bn', 'batch norm over the batches of all ranks');
  command.option('--no-sync-bn', 'batch norm over the batch of each rank');
  valued('--rank-timeout <s>', 'how long a silent rank is waited for; default: 120', wholeNumber(1));
  return command.optionsGroup('Options:');
}

/** Whether this process is to start ranks of itself. Throws a UserError where a launcher has started another number. */
export function startsRanks({ ranks }: RankFlags, launch: Launch | undefined = launchOf()): boolean {
  if (ranks === undefined) return false;
  if (launch === undefined) return ranks > 1;
  if (launch.size === ranks) return false;
  throw new UserError(
    `--ranks ${ranks} under a launcher that started ${launch.size}: leave out --ranks, or give it the same number.`,
    { exitCode: 2 },
  );
}

/** A rehearsal is of one process. */
export function refuseRanks(flags: RankFlags, what: string): void {
  if ((launchOf()?.size ?? 1) === 1 && (flags.ranks ?? 1) === 1) return;
  throw new UserError(`${what} runs in one process; leave out --ranks and mpirun.`, { exitCode: 2 });
}

/** The ranks that this process belongs to; the binding of MPI is loaded only where there are several. */
export async function joinAsked({ wire, rankTimeout }: RankFlags): Promise<Ranks> {
  const { joinRanks } = await import('../distribute/ranks.ts');
  return joinRanks({ wire, patienceSeconds: rankTimeout });
}

/**
 * Waits until this rank may say what went wrong: where all fail alike, the first one says it and ends the others before
 * it is their turn.
 */
export async function waitForTurn(launch: Launch | undefined = launchOf()): Promise<void> {
  if (launch === undefined || launch.rank === 0) return;
  await sleep(Math.min(3000, 1500 + 100 * launch.rank));
}

/** Ends all ranks, of which this one has failed; nothing where this process is alone. */
export async function endRanks(exitCode: number): Promise<void> {
  if (exitCode === 0 || launchOf() === undefined) return;
  const { joinedRanks } = await import('../distribute/ranks.ts');
  joinedRanks()?.abort(exitCode);
}
