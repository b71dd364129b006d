// Published errors, sorted by how they were measured: results of one protocol make one table, and those of another
// stand in another.
import type { Form, NetworkDescription, PublishedResult } from '../nets/network.ts';

export interface PublishedEntry extends Omit<PublishedResult, 'dataset' | 'protocol'> {
  readonly net: string;
}

export interface ProtocolGroup {
  readonly dataset: string;
  readonly protocol: string;
  readonly entries: readonly PublishedEntry[];
}

/** The published results of networks; with `form` only of that form. Largest groups of a data set first. */
export function publishedByProtocol(nets: readonly NetworkDescription[], form?: Form): ProtocolGroup[] {
  const groups = new Map<string, ProtocolGroup & { entries: PublishedEntry[] }>();
  for (const description of nets) {
    for (const result of description.published ?? []) {
      if (form !== undefined && result.form !== form) continue;
      const { dataset, protocol, ...entry } = result;
      const key = JSON.stringify([dataset, protocol]);
      let group = groups.get(key);
      if (group === undefined) {
        group = { dataset, protocol, entries: [] };
        groups.set(key, group);
      }
      group.entries.push({ net: description.name, ...entry });
    }
  }
  const datasets = [...new Set([...groups.values()].map(({ dataset }) => dataset))];
  return [...groups.values()].sort(
    (a, b) =>
      datasets.indexOf(a.dataset) - datasets.indexOf(b.dataset) || b.entries.length - a.entries.length,
  );
}

/** `resnet34 shortcut=A`: the network, and its options where they are not the defaults. */
export function variantName({ net, options = {} }: Pick<PublishedEntry, 'net' | 'options'>): string {
  return [net, ...Object.entries(options).map(([name, value]) => `${name}=${value}`)].join(' ');
}
