// Published errors, sorted by how they were measured: results of one protocol make one table, and those of another
// stand in another. Whose weights were measured is told apart from the protocol, since it is not part of it.
import type { Form, NetworkDescription, PublishedResult } from '../nets/network.ts';

export interface PublishedEntry {
  readonly net: string;
  readonly form: Form;
  /** Percent. */
  readonly top1Error?: number;
  readonly top5Error?: number;
  /** Whose weights, where the protocol says it. */
  readonly weights?: string;
  readonly source: string;
}

export interface ProtocolGroup {
  readonly dataset: string;
  readonly protocol: string;
  readonly entries: readonly PublishedEntry[];
}

/** `one model, centre crop 224 of 256, weights of torchvision`: the protocol, and the weights. */
const withWeights = /^(.*), (?:weights of (.+)|(the authors' weights.*))$/;

/** The published results of networks; with `form` only of that form. Largest groups of a data set first. */
export function publishedByProtocol(nets: readonly NetworkDescription[], form?: Form): ProtocolGroup[] {
  const groups = new Map<string, ProtocolGroup & { entries: PublishedEntry[] }>();
  for (const description of nets) {
    for (const result of description.published ?? []) {
      if (form !== undefined && result.form !== form) continue;
      const { protocol, entry } = split(description.name, result);
      const key = JSON.stringify([result.dataset, protocol]);
      let group = groups.get(key);
      if (group === undefined) {
        group = { dataset: result.dataset, protocol, entries: [] };
        groups.set(key, group);
      }
      group.entries.push(entry);
    }
  }
  const datasets = [...new Set([...groups.values()].map(({ dataset }) => dataset))];
  return [...groups.values()].sort(
    (a, b) =>
      datasets.indexOf(a.dataset) - datasets.indexOf(b.dataset) || b.entries.length - a.entries.length,
  );
}

function split(net: string, result: PublishedResult): { protocol: string; entry: PublishedEntry } {
  const { form, top1Error, top5Error, source } = result;
  const [, protocol = result.protocol, named, authors] = withWeights.exec(result.protocol) ?? [];
  const weights = named ?? authors;
  return { protocol, entry: { net, form, top1Error, top5Error, weights, source } };
}
