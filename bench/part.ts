// A part of the benchmark: one question, answered by rivals that take turns on this machine, as text for a page.

export interface BenchOptions {
  readonly rounds: number;
  readonly steps: number;
  /** The Python whose PyTorch is the rival. */
  readonly python: string;
  /** Pages and figures stay as they are. */
  readonly dry: boolean;
  /** Cases that an earlier run measured in the same way are not measured again. */
  readonly resume: boolean;
  /** The cases to measure; the others are shown as they are kept. Default: all. */
  readonly only?: readonly string[];
  /** The folder in which results of cases are kept. */
  readonly keep: string;
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

/** Paragraphs and tables one after another, without those that say nothing. */
export function paragraphs(...texts: readonly string[]): string {
  return texts
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .join('\n\n');
}
