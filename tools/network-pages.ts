// The pages of docs/networks: which families each is about, and the parts of it that are computed, which stand
// between comments (`<!-- counts -->`) and are written by `npm run figures`.
import { variantName } from '../src/compare/published.ts';
import { costOf } from '../src/graph/cost.ts';
import { families } from '../src/nets/index.ts';
import { buildNetwork, type Form, formNames, type NetworkDescription } from '../src/nets/network.ts';
import { fillParts, table } from './page-parts.ts';

/** Name of the page, and the families that it is about. */
export const pages: Readonly<Record<string, readonly string[]>> = {
  lenet: ['LeNet'],
  alexnet: ['AlexNet'],
  zfnet: ['ZFNet'],
  vgg: ['VGG'],
  googlenet: ['GoogLeNet'],
  resnet: ['ResNet', 'ResNet for CIFAR-10'],
  resnext: ['ResNeXt'],
  senet: ['SENet'],
};

export function networksOf(page: string): NetworkDescription[] {
  const names = pages[page] ?? [];
  return families.filter(({ name }) => names.includes(name)).flatMap(({ networks }) => networks);
}

/** The page with its computed parts filled in. */
export function fillPage(page: string, text: string): string {
  const nets = networksOf(page);
  const parts = {
    counts: countsTable(nets),
    published: publishedTable(nets),
    deviations: deviationsList(nets),
  };
  return fillParts(`docs/networks/${page}.md`, text, parts);
}

const number = (value: number): string => value.toLocaleString('en-US');

function formsOf(description: NetworkDescription): Form[] {
  return formNames.filter((form) => description.forms[form] !== undefined);
}

function countsTable(nets: readonly NetworkDescription[]): string {
  const rows = nets.flatMap((description) =>
    formsOf(description).map((form) => {
      const { graph, images, classes } = buildNetwork(description, { form });
      const { depth, parameters, macs, activations } = costOf(graph);
      const input = images.shape.slice(1).join('x');
      const counts = [classes, depth, parameters, macs, activations].map(number);
      return [`\`${description.name}\``, form, input, ...counts];
    }),
  );
  const names = nets.map(({ name }) => name).join(' ');
  const forms = [...new Set(nets.flatMap(formsOf))];
  const commands = forms.map((form) => {
    const have = nets.filter((description) => description.forms[form] !== undefined).map(({ name }) => name);
    return `laurel compare ${have.length === nets.length ? names : have.join(' ')} --form ${form} --json`;
  });
  return [
    table(
      ['network', 'form', 'input', 'classes', 'depth', 'parameters', 'multiply-adds', 'activations'],
      rows,
    ),
    '',
    'Printed by:',
    '',
    '```sh',
    ...commands,
    '```',
  ].join('\n');
}

function publishedTable(nets: readonly NetworkDescription[]): string {
  const groups = new Map<string, string[][]>();
  for (const { name, published = [] } of nets) {
    for (const { dataset, protocol, options, ...result } of published) {
      const key = `${dataset}: ${protocol}`;
      const who = `\`${variantName({ net: name, options })}\``;
      const { form, top1Error, top5Error, source } = result;
      const row = [who, form, percent(top1Error), percent(top5Error), source];
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
  }
  if (groups.size === 0) return 'None.';
  return [...groups]
    .map(
      ([key, rows]) =>
        `${key}\n\n${table(['network', 'form', 'top-1 error %', 'top-5 error %', 'source'], rows)}`,
    )
    .join('\n\n');
}

function percent(value: number | undefined): string {
  return value === undefined ? '' : `${value}`;
}

/** Networks of one form that deviate in the same way are named together. */
function deviationsList(nets: readonly NetworkDescription[]): string {
  const byForm = formNames.map((form) => {
    const groups = new Map<string, string[]>();
    for (const { name, forms } of nets) {
      for (const sentence of forms[form]?.deviations ?? []) {
        groups.set(sentence, [...(groups.get(sentence) ?? []), name]);
      }
    }
    const having = nets.filter(({ forms }) => forms[form] !== undefined).length;
    const lines = [...groups].map(([sentence, names]) => {
      const who = names.length === having ? '' : `${names.map((name) => `\`${name}\``).join(', ')}: `;
      return `- ${who}${sentence}`;
    });
    return lines.length === 0 ? '' : `Form \`${form}\`:\n\n${lines.join('\n')}`;
  });
  return byForm.filter(Boolean).join('\n\n') || 'None.';
}
