// A part of the benchmark: one question, answered by rivals that take turns on this machine, as text for a page.

export interface BenchOptions {
  readonly rounds: number;
  readonly steps: number;
  /** The Python whose PyTorch is the rival. */
  readonly python: string;
  log(line: string): void;
}

export interface Part {
  /** Its name on the command line, and of its place in docs/performance.md. */
  readonly name: string;
  /** Markdown: a sentence that says what was measured, a table, and what was left out and why. */
  measure(options: BenchOptions): Promise<string>;
}

/** A Markdown table. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What could not be measured here, with the reasons; nothing where all was. */
export function leftOutList(leftOut: readonly string[]): string {
  return leftOut.length === 0 ? '' : `\n\nLeft out:\n\n${leftOut.map((reason) => `- ${reason}`).join('\n')}`;
}
