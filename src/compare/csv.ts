// A comparison as CSV (RFC 4180): a row per network; of published errors a pair of columns per protocol, so that no
// column holds results of two protocols.
import { plural } from '../plural.ts';
import type { Comparison } from './compare.ts';
import type { PublishedEntry } from './published.ts';

export function toCsv({ batch, networks, published }: Comparison): string {
  const protocols = published.flatMap(({ dataset, protocol, entries }) => {
    const name = `${dataset}, ${protocol}`;
    // Two results of one network under one protocol are of different options or weights: each has columns of its own.
    const most = Math.max(...[...Map.groupBy(entries, ({ net }) => net).values()].map((list) => list.length));
    return Array.from({ length: most }, (_, index) => ({
      name: index === 0 ? name : `${name} (${index + 1})`,
      find: (net: string): PublishedEntry | undefined => entries.filter((entry) => entry.net === net)[index],
    }));
  });
  const isMeasured = networks.some(({ measured }) => measured !== undefined);
  const heading = [
    ...['net', 'form', 'year', 'place', 'input', 'classes', 'depth', 'convolutions', 'linears'],
    ...['params', 'macs', 'activations'],
    ...['f32', 'bf16'].map((type) => `trainingBytes, ${type}, batch ${batch}`),
    ...(isMeasured ? ['imagesPerSecond', 'measured with'] : []),
    ...protocols.flatMap(({ name }) =>
      ['top1Error', 'top5Error', 'options', 'weights'].map((what) => `${what}: ${name}`),
    ),
  ];
  const rows = networks.map((each) => {
    const { measured } = each;
    const how =
      measured &&
      `batch ${measured.batch}, ${measured.dtype}, ${measured.engine}, ${plural(measured.threads, 'thread')}`;
    return [
      ...[each.net, each.form, each.year, each.place, each.input.join('x'), each.classes, each.depth],
      ...[each.convolutions, each.linears, each.params, each.macs, each.activations],
      ...[each.trainingBytes.f32.total, each.trainingBytes.bf16.total],
      ...(isMeasured ? [measured?.imagesPerSecond.toFixed(3), how] : []),
      ...protocols.flatMap(({ find }) => {
        const entry = find(each.net);
        const options = entry?.options && JSON.stringify(entry.options);
        return [entry?.top1Error, entry?.top5Error, options, entry && (entry.weights ?? entry.source)];
      }),
    ];
  });
  return [heading, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function field(value: string | number | undefined): string {
  const text = `${value ?? ''}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
