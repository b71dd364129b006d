// `laurel convert IN OUT`: weights from one format into another, checked against a network on request.
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../errors.ts';
import type { Form } from '../nets/network.ts';
import type { TensorFile } from '../weights/tensor-file.ts';
import { addShared, type SharedOptions } from './options.ts';
import { count, note, printResult } from './output.ts';
import { preparePlace } from './place.ts';
import { addJson, addVerb } from './verb.ts';

interface Options extends Pick<SharedOptions, 'json' | 'form' | 'classes'> {
  net?: string;
}

const outputFormats: Readonly<Record<string, 'safetensors' | 'pytorch-zip'>> = {
  '.safetensors': 'safetensors',
  '.pt': 'pytorch-zip',
  '.pth': 'pytorch-zip',
};

export function addConvert(program: Command): void {
  const command = addVerb(
    program,
    'convert',
    'write weights in another format',
    'laurel convert checkpoint.pth weights.safetensors',
    'laurel convert theirs.safetensors googlenet.safetensors --net googlenet',
    'laurel convert weights.safetensors for-pytorch.pth',
  )
    .argument('<in>', 'weights: safetensors, a PyTorch checkpoint, or the folder of a run (with --net)')
    .argument('<out>', 'file to write: .safetensors, or .pt or .pth for PyTorch')
    .option(
      '--net <net>',
      "check the weights against this network, and give them the network's names and order",
    );
  addShared(command, 'form', 'classes');
  addJson(command).action(async (input: string, output: string, options: Options) => {
    const format = outputFormats[extname(output).toLowerCase()];
    if (format === undefined) {
      throw new UserError(
        `The format of ${output} is not known. End its name in ${Object.keys(outputFormats).join(', ')}.`,
        { exitCode: 2 },
      );
    }
    preparePlace(output);
    const { readWeights } = await import('../weights/read.ts');
    const file = options.net === undefined ? readWeights(input) : await fitted(input, options.net, options);
    if (format === 'safetensors') {
      const { writeSafetensors } = await import('../weights/safetensors.ts');
      writeSafetensors(output, file.tensors, file.metadata);
    } else {
      const { writePytorch } = await import('../weights/pytorch-write.ts');
      writePytorch(output, file.tensors);
      if (file.metadata.format === 'laurel') {
        note('A PyTorch file holds tensors alone: the classes and the preparation of pictures stay behind.');
      }
    }
    const elements = file.tensors.values().reduce((sum, { data }) => sum + data.length, 0);
    const bytes = statSync(output).size;
    const tensors = file.tensors.size;
    printResult(
      options.json,
      { input, output, format, network: options.net ?? null, tensors, elements, bytes },
      () => `${output}: ${count(tensors)} tensors, ${count(elements)} elements, ${count(bytes)} bytes`,
    );
  });
}

/** The weights as the network has them, with what is known of them in the metadata. */
async function fitted(input: string, network: string, options: Options): Promise<TensorFile> {
  const [{ openModel }, { encodeModelInfo }, { fitWeights }] = await Promise.all([
    import('../evaluate/model.ts'),
    import('../evaluate/preprocessing.ts'),
    import('../weights/adapt.ts'),
  ]);
  const model = openModel({ network, weights: input, form: options.form as Form | undefined });
  for (const sentence of model.notes) note(sentence);
  const { form, info, path, description } = model;
  const classes = options.classes ?? info?.classes.length;
  const { file } = fitWeights(model.file, description, { form, classes, options: info?.options }, path);
  if (info === undefined) {
    note('The file does not say its classes or how pictures are prepared, and neither does the result.');
    return file;
  }
  return { ...file, metadata: { ...file.metadata, ...encodeModelInfo(info) } };
}
