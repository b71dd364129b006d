// `laurel draw NET --out FILE`: the architecture as a picture or as a page with blocks that fold.
import { extname } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { printResult } from './output.ts';
import { preparePlace } from './place.ts';
import { addJson, addVerb } from './verb.ts';

interface Options
  extends Pick<SharedOptions, 'json' | 'form' | 'set' | 'classes' | 'channels' | 'height' | 'width' | 'out'> {
  depth?: number;
  all?: boolean;
  training?: boolean;
}

const endings = ['.svg', '.png', '.html'];

export function addDraw(program: Command): void {
  const command = addVerb(
    program,
    'draw',
    'draw the architecture of a network',
    'laurel draw resnet18 --out resnet18.svg',
    'laurel draw googlenet --out googlenet.html',
    'laurel draw resnet152 --depth 1 --out resnet152.png',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(
      sharedOption(
        'out',
        'the file: .svg, .png, or .html (blocks fold by click or key)',
      ).makeOptionMandatory(),
    )
    .option(
      '--depth <n>',
      'unfold blocks down to this level (0: none); default: as far as fits',
      wholeNumber(0),
    )
    .option('--all', 'draw every block, equal ones too')
    .option('--training', 'the form that is trained, with dropout and side heads');
  addShared(command, 'form', 'set', 'classes', 'channels', 'height', 'width');
  addJson(command).action(async (net: string, options: Options) => {
    const { json, set, depth, all, training, out = '', ...sizes } = options;
    const ending = extname(out).toLowerCase();
    if (!endings.includes(ending)) {
      throw new UserError(
        `Cannot draw ${out}: its name ends in "${ending}", expected ${endings.join(', ')}.`,
        {
          exitCode: 2,
        },
      );
    }
    if (all && depth !== undefined) {
      throw new UserError('--all and --depth contradict each other; give one of them.', { exitCode: 2 });
    }
    preparePlace(out);
    const [{ findNetwork }, { buildNetwork }, { diagramOf }] = await Promise.all([
      import('../nets/index.ts'),
      import('../nets/network.ts'),
      import('../diagram/diagram.ts'),
    ]);
    const network = buildNetwork(findNetwork(net), {
      ...sizes,
      training,
      options: set,
      form: options.form as Form | undefined,
    });
    const diagram = diagramOf(network, all ? 'all' : (depth ?? 'auto'));
    if (ending === '.html') {
      const { diagramPage } = await import('../diagram/page.ts');
      writeFileAtomic(out, diagramPage(diagram.content, diagram));
    } else {
      const { diagramFigure } = await import('../diagram/figure.ts');
      await diagramFigure(out, diagram.content, diagram);
    }
    printResult(json, { net, form: network.form, out, boxes: diagram.boxes }, () => `wrote ${out}`);
  });
}
