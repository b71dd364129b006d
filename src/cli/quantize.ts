// `laurel quantize NET`: weights for eight bits, made of weights in full precision and some pictures.
import type { Command } from 'commander';
import type { Form } from '../nets/network.ts';
import type { QuantiseResult } from '../quantise/quantise.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { count } from './output.ts';
import { preparePlace } from './place.ts';
import { runStoppable } from './stoppable.ts';
import { addPreparationFlags, type PreparationFlags, preparationRequest } from './test-options.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'data' | 'split' | 'form' | 'set' | 'engine' | 'threads'
>;
interface Options extends Shared, PreparationFlags {
  out: string;
  pictures?: number;
}

export function addQuantize(program: Command): void {
  const command = addVerb(
    program,
    'quantize',
    'make weights of eight bits, for faster answers and smaller files',
    'laurel quantize resnet50 --weights resnet50.pth --data imagenet/val --out resnet50-int8.safetensors',
    'laurel eval resnet50 --weights resnet50-int8.safetensors --data imagenet/val',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('weights'))
    .addOption(sharedOption('data', 'pictures to find the ranges of values with; their labels are not used'))
    .addOption(sharedOption('split'))
    .option('--pictures <n>', 'how many of them; default: 128', wholeNumber(1))
    .requiredOption('--out <file>', 'the safetensors file to write');
  addPreparationFlags(command);
  addShared(command, 'form', 'set', 'engine', 'threads');
  addJson(command).action(async (name: string, options: Options) => {
    const { quantise } = await import('../quantise/quantise.ts');
    const { json, weights, data, split, pictures, out, engine, threads } = options;
    preparePlace(out);
    await runStoppable(
      { json },
      ({ status, signal }) =>
        quantise({
          network: name,
          form: options.form as Form | undefined,
          options: options.set,
          preprocessing: preparationRequest(options),
          weights,
          data,
          split,
          pictures,
          out,
          engine,
          threads,
          signal,
          onNote: status.note,
          onProgress: (done, total) => status.show(`${count(done)} of ${count(total)} pictures`),
        }),
      describe,
    );
  });
}

function describe(result: QuantiseResult): string {
  const { out, bytes, quantisedLayers, layers, foldedBatchNorms } = result;
  const folded = foldedBatchNorms === 0 ? '' : `, ${foldedBatchNorms} batch norms folded`;
  return [
    `${out}: ${(bytes / 1e6).toFixed(1)} MB, ${quantisedLayers} of ${layers} layers in eight bits${folded}`,
    `Ranges from ${count(result.pictures)} pictures of ${result.data}.`,
  ].join('\n');
}
