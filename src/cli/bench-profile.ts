// A profile as tables for people: what the machine can do, ops, layers and single steps, the most costly of each.
import type { Peaks } from '../engines/profile/peaks.ts';
import type { Profile, ProfiledLayer, ProfiledStep, Rate } from '../engines/profile/profile.ts';
import { type Align, bold, count, dim, pairs, table } from './output.ts';

const most = 20;

/** Peaks, arena, and the twenty most costly ops, layers and steps. */
export function describeProfile(profile: Profile, files: readonly string[]): string {
  const { arena, ops, layers, steps } = profile;
  const mebibytes = (bytes: number): string => `${count(Math.round(bytes / 2 ** 20))} MiB`;
  return [
    pairs([
      ['Peaks', describePeaks(profile.peaks)],
      [
        'Arena',
        `${mebibytes(arena.bytes)}, ${arena.ratio.toFixed(3)} times the most that is alive at one step`,
      ],
      ...(files.length > 0 ? [['Files', files.join('\n')] as const] : []),
    ]),
    titled('Ops', ops.length, describeOps(profile)),
    titled('Layers', layers.length, describeLayers(layers)),
    titled('Steps', steps.length, describeSteps(steps)),
    dim(
      'share: of the time of all steps; roof: the least time that the peaks allow over the time taken (more than 100 % ' +
        'where caches serve the bytes).',
    ),
  ].join('\n\n');
}

function describePeaks({ gflops, copyGBs }: Peaks): string {
  const rates = Object.entries(gflops).map(([dtype, rate]) => `${dtype} ${rate.toFixed(0)} GFLOP/s`);
  return `${[...rates, `copy ${copyGBs.toFixed(1)} GB/s`].join(', ')}, measured here`;
}

function titled(name: string, all: number, text: string): string {
  return `${bold(all > most ? `${name}, the ${most} most costly of ${all}` : name)}\n${text}`;
}

const rateHeading = ['ms', 'share', 'GFLOP/s', 'GB/s', 'roof'];
const rateAlign: readonly Align[] = rateHeading.map(() => 'right');

function rateCells({ ms, share, flops, gflops, bytes, gbs, ofRoof }: Rate): string[] {
  return [
    ms.toFixed(ms < 9.995 ? 3 : 1),
    `${share.toFixed(1)} %`,
    flops > 0 ? gflops.toFixed(1) : '',
    bytes > 0 ? gbs.toFixed(1) : '',
    `${ofRoof.toFixed(0)} %`,
  ];
}

function describeOps({ ops }: Profile): string {
  const rows = ops
    .slice(0, most)
    .map((row) => [row.op, row.implementation, `${row.count}`, ...rateCells(row)]);
  return table(
    [['op', 'implementation', 'steps', ...rateHeading], ...rows],
    ['left', 'left', 'right', ...rateAlign],
  );
}

/** In the order of the network, parts indented under the module that holds them. */
function describeLayers(layers: readonly ProfiledLayer[]): string {
  const shown = new Set([...layers].sort((a, b) => b.ms - a.ms).slice(0, most));
  const rows = layers
    .filter((layer) => shown.has(layer))
    .map((layer) => {
      const name = layer.path === '' ? '(none)' : layer.path.slice(layer.path.lastIndexOf('.') + 1);
      const { forward, backward, update } = layer.phaseMs;
      const label = isAncestorShown(layer, shown) ? name : layer.path || name;
      return [
        `${'  '.repeat(layer.level - 1)}${label}`,
        ...rateCells(layer),
        ...[forward, backward, update].map((ms) => (ms > 0 ? ms.toFixed(2) : '')),
      ];
    });
  return table(
    [['layer', ...rateHeading, 'forward', 'backward', 'update'], ...rows],
    ['left', ...rateAlign, 'right', 'right', 'right'],
  );
}

function isAncestorShown({ path }: ProfiledLayer, shown: ReadonlySet<ProfiledLayer>): boolean {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
  return [...shown].some((other) => other.path === parent);
}

function describeSteps(steps: readonly ProfiledStep[]): string {
  const rows = steps
    .slice(0, most)
    .map((step) => [
      step.path || '(none)',
      step.op,
      step.implementation,
      ...rateCells(step),
      describeOthers(step),
    ]);
  return table(
    [['layer', 'op', 'implementation', ...rateHeading, 'other implementations'], ...rows],
    ['left', 'left', 'left', ...rateAlign, 'left'],
  );
}

/** The runners-up; with their own times, and the chosen one's, where they were measured. */
function describeOthers({ candidates }: ProfiledStep): string {
  const [chosen, ...others] = candidates;
  const named = [...new Map(others.map((other) => [other.implementation, other])).values()];
  const text = named.map(({ implementation, ms }) =>
    ms === undefined ? implementation : `${implementation} ${ms.toFixed(2)} ms`,
  );
  return chosen?.ms === undefined
    ? text.join(', ')
    : [`alone ${chosen.ms.toFixed(2)} ms`, ...text].join(', ');
}
