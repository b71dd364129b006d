// The choices among ways to compute an op, as a table: what was not left to the library's first choice, the largest gain
// first.
import type { AutotuneReport } from '../engines/engine.ts';
import { bold, dim, table } from './output.ts';

const first = 'primitive';

export function describeChoices({ choices, times }: AutotuneReport): string {
  const rows = Object.entries(times)
    .map(([question, ms]) => {
      const choice = choices[question] ?? first;
      return { question, own: ms[first] ?? 0, choice, ms: ms[choice] ?? ms[first] ?? 0 };
    })
    .sort((a, b) => b.own - b.ms - (a.own - a.ms));
  const others = rows.filter(({ choice }) => choice !== first);
  const cells = others.map(({ question, own, choice, ms }) => [
    question,
    own.toFixed(2),
    choice,
    ms.toFixed(2),
    (own / ms).toFixed(2),
  ]);
  const [before, after] = [
    rows.reduce((sum, { own }) => sum + own, 0),
    rows.reduce((sum, { ms }) => sum + ms, 0),
  ];
  return [
    bold("Choices other than the library's first"),
    ...(others.length === 0
      ? ['None: no other way was faster by a clear margin.']
      : [
          table(
            [['op and sizes', 'first, ms', 'chosen', 'ms', 'times faster'], ...cells],
            ['left', 'right', 'left', 'right', 'right'],
          ),
        ]),
    dim(
      `All ${rows.length} sizes, each counted once: ${before.toFixed(1)} ms, as chosen ${after.toFixed(1)} ms.`,
    ),
  ].join('\n');
}
