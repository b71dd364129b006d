// Accuracy against multiply-adds, the area of a bubble being the parameters: a panel per protocol, since errors of
// different protocols say nothing about each other. Within one, colours tell whose weights were measured.
import { UserError } from '../errors.ts';
import { type Bubble, type BubblePanel, bubbles } from '../figures/bubbles.ts';
import { type Form, formNames } from '../nets/network.ts';
import { type ComparedNetwork, compare } from './compare.ts';
import type { ProtocolGroup, PublishedEntry } from './published.ts';

const formWords: Readonly<Record<Form, string>> = {
  imagenet: "the paper's form",
  cifar: 'the form for 32x32 pictures',
  article: "the article's form",
};

/** Draws to `path` (.png or .svg) all protocols under which at least two results were published. */
export async function accuracyFigure(path: string, groups: readonly ProtocolGroup[]): Promise<void> {
  const costs = costsOf(groups);
  const panels = groups.map((group) => panelOf(group, costs)).filter(({ bubbles }) => bubbles.length > 1);
  if (panels.length === 0) {
    throw new UserError(
      'There is nothing to draw: no protocol has published errors of two of these networks. Name more networks.',
    );
  }
  await bubbles(path, {
    title: 'Accuracy against multiply-adds',
    subtitle:
      'The area of a bubble is the number of parameters. Each panel holds results of one protocol; none can be ' +
      'compared with those of another. * was published for a variation of the network.',
    xLabel: 'multiply-adds for one picture, in G (logarithmic)',
    panels,
    area: {
      pxPerUnit: 18,
      legend: [5, 25, 100].map((value) => ({ value, label: `${value}M parameters` })),
    },
  });
}

/** Counts of every network in every form that has a published result. */
function costsOf(groups: readonly ProtocolGroup[]): Map<string, ComparedNetwork> {
  const costs = new Map<string, ComparedNetwork>();
  for (const form of formNames) {
    const nets = groups
      .flatMap(({ entries }) => entries.filter((entry) => entry.form === form))
      .map(({ net }) => net);
    if (nets.length === 0) continue;
    for (const each of compare({ nets, form, batch: 1 }).networks) costs.set(keyOf(each), each);
  }
  return costs;
}

function keyOf({ net, form }: { net: string; form: Form }): string {
  return `${net} ${form}`;
}

function panelOf(group: ProtocolGroup, costs: ReadonlyMap<string, ComparedNetwork>): BubblePanel {
  const hasTop1 = group.entries.filter(({ top1Error }) => top1Error !== undefined).length > 1;
  const which = hasTop1 ? 'top1Error' : 'top5Error';
  const list = group.entries.flatMap((entry): Bubble[] => {
    const error = entry[which];
    const cost = costs.get(keyOf(entry));
    if (error === undefined || cost === undefined) return [];
    return [
      {
        name: `${entry.net}${isVariation(entry) ? '*' : ''}`,
        x: cost.macs / 1e9,
        y: 100 - error,
        area: cost.params / 1e6,
        group: groupName(entry),
      },
    ];
  });
  return {
    title: `${group.dataset}: ${group.protocol}`,
    yLabel: `${hasTop1 ? 'top-1' : 'top-5'} accuracy, %`,
    bubbles: list,
  };
}

/** `torchvision`, `timm`: whose weights; without any, which form. */
function groupName({ weights, form }: PublishedEntry): string {
  return weights === undefined ? formWords[form] : `weights: ${weights.replace(/ \(.*/, '')}`;
}

/** `timm (legacy_seresnet50, stride in the first 1x1)`: the weights are of a network that differs in something. */
function isVariation({ weights }: PublishedEntry): boolean {
  return weights !== undefined && (/\(.*,/.test(weights) || weights.startsWith("the authors' weights ("));
}
