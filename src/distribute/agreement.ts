// Ranks that compute different things would average nonsense: before the first step they compare what the result
// depends on, and a rank that differs from the first one is refused by the name of what differs.
import { UserError } from '../errors.ts';

/** What must be the same everywhere, by the name that an error gives it. */
export type Agreement = Readonly<Record<string, string>>;

/** What brings together what each rank says. */
export interface Assembly {
  /** By rank. */
  gather<T>(own: T): T[];
}

/** Throws a UserError, on every rank the same, unless all ranks say the same. */
export function agree(ranks: Assembly, own: Agreement, what: 'train' | 'compute' = 'compute'): void {
  const said = ranks.gather(own);
  const differences = said.flatMap((other, rank) => differencesOf(said[0] as Agreement, other, rank));
  if (differences.length === 0) return;
  throw new UserError(
    `The ranks do not ${what} the same: ${differences.join('; ')}. ` +
      'Start all of them from the same code, with the same options and data.',
    { exitCode: 2 },
  );
}

function differencesOf(first: Agreement, other: Agreement, rank: number): string[] {
  return [...new Set([...Object.keys(first), ...Object.keys(other)])]
    .filter((name) => first[name] !== other[name])
    .map((name) => `rank ${rank} has ${name} ${shown(other[name])}, rank 0 ${shown(first[name])}`);
}

function shown(value: string | undefined): string {
  if (value === undefined) return 'unset';
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}
