// `laurel export NET`: a network with its weights as an ONNX file, which runs wherever there is an ONNX runtime.
import { type Command, InvalidArgumentError } from 'commander';
import type { Form } from '../nets/network.ts';
import { addShared, type SharedOptions, sharedOption, wholeNumber } from './options.ts';
import { note, printResult } from './output.ts';
import { preparePlace } from './place.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<SharedOptions, 'json' | 'weights' | 'data' | 'form' | 'set' | 'height' | 'width'>;
interface Options extends Shared {
  out: string;
  batch: number | 'dynamic';
  foldBn?: boolean;
  softmax?: boolean;
  withPreprocessing?: boolean;
}

export function addExport(program: Command): void {
  const command = addVerb(
    program,
    'export',
    'write a network with its weights as an ONNX file',
    'laurel export lenet --weights runs/first --out lenet.onnx',
    'laurel export resnet50 --weights resnet50.pth --out resnet50.onnx --batch dynamic --fold-bn',
    'laurel export googlenet --weights googlenet.safetensors --out googlenet.onnx --with-preprocessing',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('weights'))
    .requiredOption('--out <file>', 'the ONNX file to write')
    .option('--batch <n|dynamic>', 'pictures per run, or dynamic: each run chooses', batchSize, 1)
    .option('--fold-bn', 'fold batch norms into the layers before them')
    .option('--softmax', 'give probabilities instead of logits')
    .option(
      '--with-preprocessing',
      'take uint8 pixels, NxHxWxC of the size that the network sees, and give probabilities; resizing stays outside',
    )
    .addOption(
      sharedOption('data', 'the data set whose classes the weights know, if the file does not say it'),
    );
  addShared(command, 'form', 'set', 'height', 'width');
  addJson(command).action(async (name: string, options: Options) => {
    const { exportOnnx } = await import('../evaluate/export-onnx.ts');
    const { weights, out, batch, softmax, withPreprocessing, height, width, data } = options;
    preparePlace(out);
    const result = exportOnnx({
      network: name,
      form: options.form as Form | undefined,
      options: options.set,
      weights,
      out,
      batch,
      foldBatchNorm: options.foldBn,
      softmax,
      withPreprocessing,
      height,
      width,
      data,
      onNote: note,
    });
    printResult(options.json, result, () => {
      const { input, output, bytes, foldedBatchNorms, opset } = result;
      const folded = foldedBatchNorms === 0 ? '' : `, ${foldedBatchNorms} batch norms folded`;
      return [
        `${out}: ${(bytes / 1e6).toFixed(1)} MB, ONNX opset ${opset}${folded}`,
        `  in   ${input.name}: ${input.type}, ${input.shape.join('x')}`,
        `  out  ${output.name}: float, ${output.shape.join('x')}`,
      ].join('\n');
    });
  });
}

function batchSize(text: string): number | 'dynamic' {
  if (text === 'dynamic') return text;
  try {
    return wholeNumber(1)(text);
  } catch {
    throw new InvalidArgumentError("Expected a whole number of at least 1, or 'dynamic'.");
  }
}
