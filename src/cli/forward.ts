// `laurel forward NET`: raw tensors in, raw tensors out (f32, NCHW, normalised already), for checking Laurel
// against anything that can read and write NumPy's files.
import type { Command } from 'commander';
import { engineInWords } from '../engines/in-words.ts';
import { addShared, type SharedOptions, sharedOption } from './options.ts';
import { note, printResult } from './output.ts';
import { preparePlace } from './place.ts';
import { addJson, addVerb } from './verb.ts';

type Shared = Pick<
  SharedOptions,
  'json' | 'weights' | 'form' | 'set' | 'classes' | 'engine' | 'dtype' | 'threads'
>;
interface Options extends Shared {
  input: string;
  output: string;
  layer?: string;
}

export function addForward(program: Command): void {
  const command = addVerb(
    program,
    'forward',
    'run raw tensors through a network',
    'laurel forward lenet --weights w.safetensors --input x.npy --output y.npy',
    'laurel forward resnet18 --weights w.safetensors --input x.npy --output y.npy --layer layer3.0',
  )
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('weights'))
    .requiredOption('--input <file>', 'NumPy file: f32, NxCxHxW, already normalised')
    .requiredOption('--output <file>', 'NumPy file to write')
    .option(
      '--layer <name>',
      'what this layer gives, instead of the logits (`laurel summary` lists the names)',
    );
  addShared(command, 'form', 'set', 'classes', 'engine', 'dtype', 'threads');
  addJson(command).action(async (name: string, options: Options) => {
    const result = await forward(name, options);
    printResult(options.json, result, () => {
      const { shape, output, ms } = result;
      return `${output}: ${shape.join('x')}, from ${result.source} in ${ms.toFixed(1)} ms (${result.protocol})`;
    });
  });
}

async function forward(name: string, options: Options) {
  const [
    { chooseEngine, chooseDtype },
    npy,
    { loadNetwork },
    { moduleValue },
    { markOutput },
    { findNetwork },
  ] = await Promise.all([
    import('../engines/choose.ts'),
    import('../weights/npy.ts'),
    import('./weights.ts'),
    import('./layer.ts'),
    import('../graph/graph.ts'),
    import('../nets/index.ts'),
  ]);
  findNetwork(name);
  preparePlace(options.output);
  const images = npy.readNpy(options.input);
  const { network, tensors } = loadNetwork(name, options, images.shape, options.input);
  const [layer, value] = moduleValue(network, options.layer);
  markOutput('result', value);
  const { engine, notes } = chooseEngine(options.engine ?? 'auto', { threads: options.threads });
  for (const sentence of notes) note(sentence);
  const dtype = chooseDtype(engine, options.dtype ?? 'auto');
  const compiled = engine.compile(network.graph, { dtype });
  try {
    for (const [state, data] of tensors) compiled.write(state, data);
    const start = performance.now();
    const { result } = compiled.run({ images: images.data });
    const ms = performance.now() - start;
    npy.writeNpy(options.output, value.shape, Float32Array.from(result as Float32Array));
    const protocol = `${dtype}, ${engineInWords(engine.describe())}`;
    return {
      net: name,
      form: network.form,
      source: layer,
      output: options.output,
      shape: value.shape,
      dtype,
      engine: engine.name,
      ms,
      protocol,
    };
  } finally {
    compiled.dispose();
  }
}
