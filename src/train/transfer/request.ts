// What cannot be asked of a transfer, and what a stored run does not have: one sentence each.
import { resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import type { TransferConfig, TransferRequest } from './config.ts';

/** `--classes` is what the user believes of the data. */
export function checkClasses(wanted: number | undefined, names: readonly string[]): void {
  if (wanted === undefined || wanted === names.length) return;
  const list = names.length > 8 ? `${names.slice(0, 8).join(', ')}, ...` : names.join(', ');
  throw misuse(
    `--classes is ${wanted}, but the data have ${names.length} classes: ${list}. Leave --classes out.`,
  );
}

/** Throws a UserError (misuse) for parts that do not go together. */
export function checkRequest(request: TransferRequest): void {
  const { weights, startFrom, newHead, share, freeze, freezeUntil, trainOnly } = request;
  if (weights !== undefined && startFrom !== undefined) {
    throw misuse('--weights takes a whole network, --start-from parts of another one. Give one of them.');
  }
  if (request.preparation !== undefined && weights === undefined) {
    throw misuse('How pictures are prepared belongs to weights: give --weights, or leave that out.');
  }
  if (newHead && weights === undefined) throw misuse('--new-head needs --weights, whose head it replaces.');
  if (share !== undefined && startFrom === undefined) {
    throw misuse('--start-layers needs --start-from, the network that they are copied from.');
  }
  if (trainOnly !== undefined && (freeze !== undefined || freezeUntil !== undefined)) {
    throw misuse('--train-only freezes all other layers. Leave --freeze and --freeze-until out.');
  }
}

/** Throws where something was asked for that the stored run does not have. */
export function compareTransfer(stored: TransferConfig = {}, request: TransferRequest, out: string): void {
  const differences: string[] = [];
  const compare = (what: string, given: unknown, was: unknown): void => {
    if (given === undefined || given === false || JSON.stringify(given) === JSON.stringify(was)) return;
    const words = (value: unknown): string =>
      typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none');
    differences.push(`${what} ${words(was)}, not ${words(given)}`);
  };
  compare('weights', request.weights && resolve(request.weights), stored.weights?.path);
  compare('preparation', request.preparation, stored.weights?.preparation);
  compare('new head', request.newHead, stored.weights?.newHead);
  compare('start', request.startFrom, stored.startFrom?.request);
  compare('start layers', request.share, stored.startFrom?.share);
  compare('frozen layers', request.freeze, stored.freeze);
  compare('frozen until', request.freezeUntil, stored.freezeUntil);
  compare('trained layers', request.trainOnly, stored.trainOnly);
  compare('group rates', request.rates, stored.rates);
  if (differences.length === 0) return;
  throw misuse(
    `Cannot go on with the run in ${out}: it has ${differences.join('; ')}. ` +
      'Use the same settings, or start another run with another --out.',
  );
}

function misuse(message: string): UserError {
  return new UserError(message, { exitCode: 2 });
}
