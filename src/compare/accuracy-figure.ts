// Accuracy against multiply-adds, the area of a bubble being the parameters: a panel per protocol, since errors of
// different protocols say nothing about each other. Within one, colours tell whose weights were measured.
import { UserError } from '../errors.ts';
import { type Bubble, type BubblePanel, bubbles } from '../figures/bubbles.ts';
import { costOf } from '../graph/cost.ts';
import { findNetwork } from '../nets/index.ts';
import { buildNetwork, type Form } from '../nets/network.ts';
import { type ProtocolGroup, type PublishedEntry, variantName } from './published.ts';

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
      'compared with those of another.',
    xLabel: 'multiply-adds for one picture, in G (logarithmic)',
    panels,
    area: {
      pxPerUnit: 18,
      legend: [5, 25, 100].map((value) => ({ value, label: `${value}M parameters` })),
    },
  });
}

/** Parameters and multiply-adds of every variant that has a published result. */
function costsOf(groups: readonly ProtocolGroup[]): Map<string, Counts> {
  const costs = new Map<string, Counts>();
  for (const entry of groups.flatMap(({ entries }) => entries)) {
    const key = keyOf(entry);
    if (costs.has(key)) continue;
    const { form, options } = entry;
    const { parameters, macs } = costOf(buildNetwork(findNetwork(entry.net), { form, options }).graph);
    costs.set(key, { parameters, macs });
  }
  return costs;
}

interface Counts {
  readonly parameters: number;
  readonly macs: number;
}

function keyOf(entry: PublishedEntry): string {
  return `${variantName(entry)} ${entry.form}`;
}

function panelOf(group: ProtocolGroup, costs: ReadonlyMap<string, Counts>): BubblePanel {
  const hasTop1 = group.entries.filter(({ top1Error }) => top1Error !== undefined).length > 1;
  const which = hasTop1 ? 'top1Error' : 'top5Error';
  const list = group.entries.flatMap((entry): Bubble[] => {
    const error = entry[which];
    const cost = costs.get(keyOf(entry));
    if (error === undefined || cost === undefined) return [];
    return [
      {
        name: variantName(entry),
        x: cost.macs / 1e9,
        y: 100 - error,
        area: cost.parameters / 1e6,
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
