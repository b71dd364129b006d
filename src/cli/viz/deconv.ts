// `laurel viz deconv NET`: one activation projected down to the pixels, by the deconvnet of Zeiler & Fergus 2014, the
// gradient or guided backpropagation.
import { type Command, Option } from 'commander';
import type { Rule } from '../../explain/project.ts';
import { sharedOption, wholeNumber } from '../options.ts';
import { intoFolder } from '../out-folder.ts';
import { pairs, printResult } from '../output.ts';
import { addJson, addVerb } from '../verb.ts';
import { positionOption } from './lists.ts';
import {
  addLayerOption,
  addOutOption,
  addSubjectOptions,
  openSubject,
  type SubjectOptions,
} from './shared.ts';

interface Options extends SubjectOptions {
  layer: string;
  unit: number;
  position?: [number, number];
  rule: Rule;
  sanity?: boolean;
  out: string;
}

export function addDeconv(viz: Command): void {
  const command = addVerb(
    viz,
    'deconv',
    'project one activation down to the pixels (section 2.1)',
    'laurel viz deconv googlenet --weights googlenet.safetensors --image cat.jpg --layer inception4a --unit 300 --out cat',
    'laurel viz deconv lenet --weights runs/first --input x.npy --layer conv2 --unit 3 --rule guided --out x',
  );
  addSubjectOptions(command);
  addLayerOption(command)
    .addOption(
      new Option('--unit <n>', 'the feature map, or output of a linear layer, from 0')
        .argParser(wholeNumber(0))
        .makeOptionMandatory(),
    )
    .addOption(positionOption())
    .addOption(sharedOption('rule'))
    .option('--sanity', 'project with random weights too, and report how much that changes');
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    const { deconvolve, sanitySentences, writeDeconvolution } = await import('../../explain/deconvnet.ts');
    const { subject, found, summary } = await intoFolder(options.out, async () => {
      const subject = await openSubject(name, options);
      const found = deconvolve(subject, options);
      return { subject, found, summary: await writeDeconvolution(options.out, subject, found) };
    });
    const { layer, rule, sanity } = found;
    const { unit, position, activation, seed, box } = found.projection;
    const { channels, height, width } = subject.size;
    const result = {
      net: name,
      form: subject.network.form,
      picture: subject.names[0],
      layer: layer.path,
      map: [layer.height, layer.width],
      unit,
      position,
      activation,
      rule,
      seed,
      box,
      shape: [channels, height, width],
      ...summary,
      ...(sanity && {
        sanity: {
          correlation: sanity.full.mean,
          deviation: sanity.full.deviation,
          magnitudes: sanity.full.magnitudes,
          levels: sanity.levels,
        },
      }),
      out: options.out,
      dtype: subject.dtype,
      engine: subject.engine.name,
      protocol: subject.protocol,
    };
    printResult(options.json, result, () =>
      [
        pairs([
          ['unit', `${unit} of ${layer.path}, at ${position.join(',')} of ${layer.height}x${layer.width}`],
          ['activation', String(activation)],
          ['sees', `rows ${box.top}-${box.bottom - 1}, columns ${box.left}-${box.right - 1} of the input`],
          ['projection', `${rule}, from ${summary.min.toPrecision(4)} to ${summary.max.toPrecision(4)}`],
          ['written', `${options.out}/projection.png, ${options.out}/projection.npy`],
        ]),
        ...(sanity ? sanitySentences(sanity) : []),
      ].join('\n'),
    );
  });
}
