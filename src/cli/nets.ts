// `laurel nets`: every network and form that Laurel knows, with its size.
import type { Command } from 'commander';
import { count, dim, printResult, rounded, table } from './output.ts';
import { addJson, addVerb } from './verb.ts';

export function addNets(program: Command): void {
  const command = addVerb(
    program,
    'nets',
    'list the networks and their forms',
    'laurel nets',
    'laurel nets --json',
  );
  addJson(command).action(async ({ json }: { json?: boolean }) => {
    const [{ networks }, { buildNetwork }, { costOf }] = await Promise.all([
      import('../nets/index.ts'),
      import('../nets/network.ts'),
      import('../graph/cost.ts'),
    ]);
    const listed = networks.map((description) => ({
      name: description.name,
      year: description.year,
      paper: description.paper,
      forms: (Object.keys(description.forms) as (keyof typeof description.forms)[]).map((form) => {
        const { graph, images, classes } = buildNetwork(description, { form });
        const cost = costOf(graph);
        return { form, input: images.shape.slice(1), classes, params: cost.parameters, macs: cost.macs };
      }),
    }));
    printResult(json, { networks: listed }, () => {
      const rows = listed.flatMap(({ name, year, forms }) =>
        forms.map((each, i) => [
          i === 0 ? name : '',
          i === 0 ? `${year}` : '',
          each.form,
          each.input.join('x'),
          `${each.classes}`,
          count(each.params),
          rounded(each.macs),
        ]),
      );
      const heading = ['network', 'year', 'form', 'input', 'classes', 'parameters', 'MACs'];
      return [
        table([heading, ...rows], ['left', 'right', 'left', 'left', 'right', 'right', 'right']),
        dim("\nA network's first form is its default. MACs are multiply-adds for one picture."),
      ].join('\n');
    });
  });
}
