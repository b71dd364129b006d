// `laurel summary NET`: the layers of a network with sizes, parameters, multiply-adds and what each sees of the
// picture. Works on the graph alone; no engine is loaded and no weight is made.
import type { Command } from 'commander';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions } from './options.ts';
import { count, dim, printResult, rounded, table } from './output.ts';
import { addJson, addVerb } from './verb.ts';

type Options = Pick<SharedOptions, 'json' | 'form' | 'set' | 'classes' | 'channels' | 'height' | 'width'>;

export function addSummary(program: Command): void {
  const command = addVerb(
    program,
    'summary',
    'print the layers of a network',
    'laurel summary resnet18 --form cifar',
    'laurel summary lenet --json',
  ).argument('<net>', 'name of a network (`laurel nets` lists them)');
  addShared(command, 'form', 'set', 'classes', 'channels', 'height', 'width');
  addJson(command).action(async (name: string, { json, set, ...options }: Options) => {
    const [{ findNetwork }, { buildNetwork }, { costOf }] = await Promise.all([
      import('../nets/index.ts'),
      import('../nets/network.ts'),
      import('../graph/cost.ts'),
    ]);
    const description = findNetwork(name);
    const network = buildNetwork(description, {
      ...options,
      form: options.form as Form | undefined,
      options: set,
    });
    const { parameters: params, macs, ...cost } = costOf(network.graph);
    // The batch of one is left out everywhere: shapes are those of one picture.
    const layers = cost.layers.map((layer) => ({ ...layer, outputShape: layer.outputShape.slice(1) }));
    const input = network.images.shape.slice(1);
    const deviations = description.forms[network.form]?.deviations ?? [];
    const { form, classes } = network;
    const result = {
      net: name,
      form,
      paper: description.paper,
      input,
      classes,
      params,
      macs,
      layers,
      deviations,
    };
    printResult(json, result, () => {
      const rows = layers.map((layer) => [
        layer.name,
        layer.op,
        layer.outputShape.join('x'),
        layer.params === 0 ? '' : count(layer.params),
        layer.macs === 0 ? '' : count(layer.macs),
        layer.receptiveField === undefined ? '' : `${layer.receptiveField}`,
        layer.jump === undefined ? '' : `${layer.jump}`,
      ]);
      return [
        `${name}, form ${form}: ${input.join('x')} pictures, ${count(classes)} classes`,
        dim(description.paper),
        '',
        table(
          [['layer', 'op', 'output', 'parameters', 'MACs', 'sees px', 'jump px'], ...rows],
          ['left', 'left', 'left', 'right', 'right', 'right', 'right'],
        ),
        '',
        `${count(params)} parameters, ${count(macs)} MACs (${rounded(macs)} multiply-adds for one picture)`,
        ...deviations.map((sentence) => `Differs from the paper: ${sentence}`),
      ].join('\n');
    });
  });
}
