// Errors that a person can mend: one clear sentence each (what was got, what was expected, what to do).
// The command line prints the sentence without a stack and exits with `exitCode`; everything else that is
// thrown is a defect of Laurel and keeps its stack.

/** A failure that the user can mend. `exitCode` 1: the work failed; 2: the request itself was wrong. */
export class UserError extends Error {
  readonly exitCode: 1 | 2;
  constructor(message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'UserError';
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Number of single-character edits between two words (Levenshtein), for suggestions. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] as number) + 1, (current[j - 1] as number) + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length] as number;
}

/** The `count` candidates closest to `name`, nearest first. */
export function nearestNames(name: string, candidates: Iterable<string>, count = 3): string[] {
  const wanted = name.toLowerCase();
  return [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** The sentence that names the closest candidates: " Did you mean a, b or c?" (empty without candidates). */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const names = nearestNames(name, candidates);
  if (names.length === 0) return '';
  const last = names.pop() as string;
  return ` Did you mean ${names.length > 0 ? `${names.join(', ')} or ${last}` : last}?`;
}
