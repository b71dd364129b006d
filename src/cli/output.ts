// What the command line writes: results on stdout (text for people, or one JSON object), everything else on
// stderr, so that a pipe sees results alone. Colour only where the stream is a terminal and NO_COLOR is unset.
import { styleText } from 'node:util';

export function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

export function dim(text: string): string {
  return styleText('dim', text, { stream: process.stdout });
}

/** Writes a verb's result: with `json` one JSON object, else the text. */
export function printResult(json: boolean | undefined, result: object, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text()}\n`);
}

/** A remark that is not part of the result. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

export type Align = 'left' | 'right';

/** Rows in aligned columns, two spaces apart, a line each. */
export function columns(rows: readonly (readonly string[])[], align: readonly Align[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return align[column] === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** Aligned columns under a heading, the first row. */
export function table(rows: readonly (readonly string[])[], align: readonly Align[] = []): string {
  const [heading = '', ...lines] = columns(rows, align);
  return [bold(heading), ...lines].join('\n');
}

/** Names and values, one pair a line, the values below each other. */
export function pairs(entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries
    .map(
      ([name, value]) =>
        `${bold(name.padEnd(width))}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`,
    )
    .join('\n');
}

/** `11,220,132`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** A large number with three significant digits: `724M`, `4.09G`. */
export function rounded(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${value}`;
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)}${units[unit]}`;
}

/** `9.87 %`. */
export function percent(value: number): string {
  return `${value.toFixed(2)} %`;
}

/** Seconds in words: `8.3 s`, `2 min 05 s`, `3 h 12 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
