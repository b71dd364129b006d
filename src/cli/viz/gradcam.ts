// `laurel viz gradcam NET`: where in a picture a layer speaks for a class.
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { intoFolder } from '../out-folder.ts';
import { printResult } from '../output.ts';
import { addJson, addVerb } from '../verb.ts';
import { addOutOption, addSubjectOptions, openSubject, type SubjectOptions } from './shared.ts';

interface Options extends SubjectOptions {
  layer?: string;
  class?: string;
  out: string;
}

export function addGradCam(viz: Command): void {
  const command = addVerb(
    viz,
    'gradcam',
    'where in a picture a layer speaks for a class (Grad-CAM)',
    'laurel viz gradcam googlenet --weights googlenet.safetensors --image cat.jpg --out cam',
    'laurel viz gradcam googlenet --weights googlenet.safetensors --image cat.jpg --class tabby --layer inception4e --out cam',
  );
  addSubjectOptions(command);
  command
    .option('--layer <path>', 'the layer; default: the last one with maps (`laurel summary` lists the paths)')
    .option('--class <class>', 'number or name; default: the most probable one of each picture');
  addOutOption(command);
  addJson(command).action(async (name: string, options: Options) => {
    const result = await intoFolder(options.out, () => gradcam(name, options));
    printResult(options.json, result, () => {
      const lines = result.pictures.map(
        ({ picture, class: c, probability, max }) =>
          `${picture}: ${c}, ${(100 * probability).toFixed(1)} %, map 0 to ${max.toPrecision(3)}`,
      );
      return [`Grad-CAM at ${result.layer}`, ...lines, result.figure].join('\n');
    });
  });
}

async function gradcam(name: string, options: Options) {
  const [explain, { drawGradCam }, { findLayer }, { inputPicture }, files, { writeDrawing }, { writeNpy }] =
    await Promise.all([
      import('../../explain/grad-cam.ts'),
      import('../../explain/grad-cam-figure.ts'),
      import('../../explain/layer.ts'),
      import('../../explain/scan-input.ts'),
      import('../../files.ts'),
      import('../../figures/svg.ts'),
      import('../../weights/npy.ts'),
    ]);
  const { out } = options;
  const subject = await openSubject(name, options);
  const { network, tensors, engine, dtype, images, batch, names, preprocessing, size, protocol, classes } =
    subject;
  const layer = findLayer(network, options.layer ?? explain.lastSpatialLayer(network));
  const wanted =
    options.class === undefined ? undefined : explain.findClass(options.class, network.classes, classes);
  const explainer = explain.createGradCam(engine, network, tensors, layer, { dtype });
  let results: ReturnType<typeof explainer.explain>;
  try {
    results = explainer.explain(images, new Array(batch).fill(wanted));
  } finally {
    explainer.dispose();
  }
  const length = images.length / batch;
  const drawn = results.map((result, i) => ({
    name: basename(names[i] as string),
    picture: inputPicture(images.subarray(i * length, (i + 1) * length), preprocessing),
    result,
    className: (classes?.[result.class] ?? `class ${result.class}`).split(',')[0] as string,
  }));
  const figure = join(out, 'gradcam.png');
  const title = `${network.name}: where ${layer.path} speaks for the class`;
  await writeDrawing(figure, await drawGradCam(drawn, layer, size, title));
  const { height, width } = layer;
  const data = join(out, 'gradcam.npy');
  const maps = new Float32Array(batch * height * width);
  for (const [i, { map }] of results.entries()) maps.set(map, i * height * width);
  writeNpy(data, [batch, height, width], maps);
  const result = {
    net: name,
    form: network.form,
    layer: layer.path,
    height,
    width,
    pictures: drawn.map(({ result: { class: index, probabilities, map }, className }, i) => ({
      picture: names[i] as string,
      index,
      class: className,
      probability: probabilities[index] as number,
      max: map.reduce((most, value) => Math.max(most, value), 0),
    })),
    protocol,
    figure,
    data,
  };
  files.writeFileAtomic(join(out, 'gradcam.json'), `${JSON.stringify(result, null, 1)}\n`);
  return result;
}
