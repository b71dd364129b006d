// `laurel diff NET NET`: two networks layer by layer, differences marked by signs, and their totals.
import type { Command } from 'commander';
import type { DiffLayer, DiffRow, NetworkDiff } from '../compare/diff.ts';
import type { Form } from '../nets/network.ts';
import { addShared, oneOf, type SharedOptions } from './options.ts';
import { bold, columns, count, dim, printResult, rounded } from './output.ts';
import { addJson, addVerb } from './verb.ts';

interface Options
  extends Pick<SharedOptions, 'json' | 'form' | 'set' | 'classes' | 'channels' | 'height' | 'width'> {
  against?: Form;
  all?: boolean;
}

/** Equal layers that are shown around a difference. */
const context = 2;

export function addDiff(program: Command): void {
  const command = addVerb(
    program,
    'diff',
    'compare two networks layer by layer',
    'laurel diff vgg16 vgg16_bn',
    'laurel diff resnet50 resnext50_32x4d',
    'laurel diff seresnet18 seresnet18 --form cifar --against article',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .argument('<other>', 'name of the other')
    .option(
      '--against <form>',
      "the other's form; default: as --form",
      oneOf<Form>('imagenet', 'cifar', 'article'),
    )
    .option('--all', 'show equal layers too, however many');
  addShared(command, 'form', 'set', 'classes', 'channels', 'height', 'width');
  addJson(command).action(
    async (net: string, other: string, { json, against, all, set, ...sizes }: Options) => {
      const [{ findNetwork }, { buildNetwork }, { diffNetworks }] = await Promise.all([
        import('../nets/index.ts'),
        import('../nets/network.ts'),
        import('../compare/diff.ts'),
      ]);
      const form = sizes.form as Form | undefined;
      const left = buildNetwork(findNetwork(net), { ...sizes, options: set, form });
      const right = buildNetwork(findNetwork(other), { ...sizes, options: set, form: against ?? form });
      const diff = diffNetworks(left, right);
      const [leftTotals, rightTotals] = diff.totals;
      const result = {
        left: { net, form: left.form, ...leftTotals },
        right: { net: other, form: right.form, ...rightTotals },
        rows: diff.rows,
      };
      printResult(json, result, () => {
        const names = [`${net}, form ${left.form}`, `${other}, form ${right.form}`] as const;
        return [rowsText(diff.rows, names, all ?? false), totalsText(diff, names)].join('\n\n');
      });
    },
  );
}

function rowsText(rows: readonly DiffRow[], names: readonly [string, string], all: boolean): string {
  const isNear = rows.map((_, i) =>
    rows.slice(Math.max(0, i - context), i + context + 1).some(({ sign }) => sign !== '='),
  );
  const table: string[][] = [];
  /** Index in `table` after which a remark on skipped layers stands. */
  const remarks = new Map<number, number>();
  rows.forEach((row, i) => {
    const bar = row.right === undefined ? '' : '|';
    if (all || isNear[i]) table.push([row.sign, ...side(row.left), bar, ...side(row.right), paramsText(row)]);
    else remarks.set(table.length, (remarks.get(table.length) ?? 0) + 1);
  });
  const [heading = '', ...lines] = columns([['', names[0], '', '', '', names[1]], ...table]);
  const out = [bold(heading)];
  for (let i = 0; i <= lines.length; i++) {
    const skipped = remarks.get(i);
    if (skipped !== undefined) out.push(dim(`   ... ${skipped} equal ${skipped === 1 ? 'layer' : 'layers'}`));
    const line = lines[i];
    if (line !== undefined) out.push(line.startsWith('=') ? dim(line) : line);
  }
  return [...out, '', dim('= the same   ~ differs in what is beside it   - only left   + only right')].join(
    '\n',
  );
}

/** Where two layers face each other and differ in their parameters: both counts. */
function paramsText({ left, right }: DiffRow): string {
  if (left === undefined || right === undefined || left.params === right.params) return '';
  return `params ${rounded(left.params)} -> ${rounded(right.params)}`;
}

function side(layer: DiffLayer | undefined): [name: string, what: string, shape: string] {
  if (layer === undefined) return ['', '', ''];
  return [layer.name, layer.what, layer.outputShape.join('x')];
}

function totalsText({ totals: [left, right] }: NetworkDiff, names: readonly [string, string]): string {
  const labels = [
    ['layers', 'layers'],
    ['depth', 'depth'],
    ['params', 'parameters'],
    ['macs', 'MACs'],
    ['activations', 'activations'],
  ] as const;
  const rows = labels.map(([key, label]) => {
    const [a, b] = [left[key], right[key]];
    const sign = b > a ? '+' : '';
    return [
      label,
      count(a),
      count(b),
      a === b ? '=' : `${sign}${count(b - a)}`,
      a === 0 ? '' : `x ${(b / a).toFixed(3)}`,
    ];
  });
  const [heading = '', ...lines] = columns(
    [['', names[0], names[1], 'difference', 'ratio'], ...rows],
    ['left', 'right', 'right', 'right', 'right'],
  );
  return [bold(heading), ...lines].join('\n');
}
