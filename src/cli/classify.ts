// `laurel classify NET IMAGE...`: what a network says of picture files.
import type { Command } from 'commander';
import type { Classification } from '../evaluate/classify.ts';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { bold, columns, note, printResult } from './output.ts';
import { addTestFlags, type TestFlags, testRequest } from './test-options.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'data' | 'form' | 'set' | 'engine' | 'dtype' | 'threads' | 'weightsCache'
>;
interface Options extends Shared, TestFlags {
  top?: number;
}

export function addClassify(program: Command): void {
  const command = addVerb(
    program,
    'classify',
    'name the five most probable classes of pictures',
    'laurel classify lenet --weights runs/first shoe.png shirt.jpg',
    'laurel classify googlenet --weights googlenet.safetensors --crops 10 cat.jpg',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .argument('<image...>', 'picture files: JPEG, PNG, WebP, AVIF, TIFF, GIF, SVG')
    .addOption(sharedOption('weights'))
    .addOption(
      sharedOption('data', 'the data set whose classes the weights know, if the file does not say it'),
    )
    .option('--top <n>', 'answers per picture; default: 5', wholeNumber(1));
  addTestFlags(command);
  addShared(command, 'form', 'set', 'engine', 'dtype', 'threads', 'weightsCache');
  addJson(command).action(async (name: string, images: string[], options: Options) => {
    const { classify } = await import('../evaluate/classify.ts');
    const results = await classify({
      network: name,
      form: options.form as Form | undefined,
      options: options.set,
      ...testRequest(options),
      weights: options.weights,
      images,
      data: options.data,
      top: options.top,
      engine: options.engine,
      dtype: options.dtype,
      threads: options.threads,
      weightsCache: options.weightsCache !== 'off',
      onNote: note,
    });
    printResult(options.json, { net: name, images: results }, () => results.map(describe).join('\n\n'));
  });
}

const barWidth = 20;

function describe({ file, top }: Classification): string {
  const rows = top.map(({ class: name, probability }) => [
    name,
    `${(100 * probability).toFixed(1)} %`,
    '━'.repeat(Math.round(barWidth * probability)),
  ]);
  return [bold(file), ...columns(rows, ['left', 'right', 'left']).map((line) => `  ${line}`)].join('\n');
}
