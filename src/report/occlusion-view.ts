// Occlusion of one picture (figure 7) on the way into the site: probability, activity and class by the place of the
// square, and the watched map projected here and in other pictures.
import { basename } from 'node:path';
import { signedPicture } from '../explain/colours.ts';
import { lastSpatialLayer } from '../explain/grad-cam.ts';
import { findLayer } from '../explain/layer.ts';
import { defaultSquare, occlude } from '../explain/occlusion.ts';
import { overlaid, signedWorth } from '../explain/occlusion-pictures.ts';
import { createProjector, type Projection } from '../explain/project.ts';
import { type PictureViewsRequest, rounded, shapeOf } from './picture-views.ts';
import { dataAddress } from './site.ts';

/** Maps by the place of the square, and what the watched map answers to; null where there shall be none. */
export async function occlusionOf(
  request: PictureViewsRequest,
  pictures: readonly Float32Array[],
  index: number,
  photo: { rgb: Uint8Array; height: number; width: number },
  file: string,
) {
  const image = pictures[index] as Float32Array;
  const { subject, engine, dtype, occlusionPlaces, layers, classes, site, signal, onStatus, names } = request;
  if (occlusionPlaces === 0) return null;
  const network = subject.build(1);
  const layer = layers.findLast((path) => findLayer(network, path).height > 1) ?? lastSpatialLayer(network);
  const { size } = defaultSquare(photo);
  const stride = Math.max(
    1,
    Math.round((Math.min(photo.height, photo.width) - size) / (occlusionPlaces - 1)),
  );
  const { preprocessing, tensors, build } = subject;
  const occlusion = await occlude({
    build,
    tensors,
    engine,
    dtype,
    preprocessing,
    image,
    size,
    stride,
    layer,
    signal,
    onProgress: (done, total) =>
      onStatus?.(`${basename(names[index] as string)}: ${done} of ${total} squares`),
  });
  const { grid, probability, activity, classes: answers, whole } = occlusion;
  const worth = signedWorth(occlusion, photo);
  const over = overlaid(photo, worth);
  const shape = [grid.rows, grid.columns];
  const nameOf = (each: number): string => (classes[each] ?? `class ${each}`).split(',')[0] as string;
  const arrays = { probability, activity, class: answers };
  return {
    ...grid,
    layer,
    unit: occlusion.unit,
    class: nameOf(occlusion.class),
    whole: { probability: whole.probabilities[occlusion.class], activity: whole.activity },
    probability: rounded(probability),
    activity: rounded(activity),
    answers: Array.from(answers),
    names: Object.fromEntries([...new Set(answers)].map((each) => [each, nameOf(each)])),
    overlay: await dataAddress({ bytes: over.rgb, height: over.height, width: over.width }, { exact: false }),
    sentence: worth.sentence,
    inOthers: await projectedMap(request, pictures, index, { layer, unit: occlusion.unit }, file),
    npy: Object.fromEntries(
      Object.entries(arrays).map(([name, values]) => [
        name,
        site.array(`${file}-occlusion-${name}`, shape, values),
      ]),
    ),
  };
}

/** Pictures in which the watched map is projected, at most. */
const othersShown = 4;

/** The watched map in this picture and in others (figure 7, c). */
async function projectedMap(
  request: PictureViewsRequest,
  pictures: readonly Float32Array[],
  index: number,
  { layer: path, unit }: { readonly layer: string; readonly unit: number },
  file: string,
) {
  const { subject, engine, dtype, site, names } = request;
  const size = shapeOf(request);
  const shape = { ...size, order: subject.preprocessing.order };
  const network = subject.build(1);
  const layer = findLayer(network, path);
  const chosen = [index, ...[...pictures.keys()].filter((each) => each !== index)].slice(0, othersShown);
  const rule = 'deconvnet';
  const projector = createProjector(engine, network, subject.tensors, layer, { rule, dtype });
  const all = new Float32Array(chosen.length * size.channels * size.height * size.width);
  const found = [];
  try {
    for (const [i, each] of chosen.entries()) {
      const [projection] = projector.project(pictures[each] as Float32Array, [{ unit }]);
      found.push({ each, projection: projection as Projection });
      all.set((projection as Projection).pixels, (i * all.length) / chosen.length);
    }
  } finally {
    projector.dispose();
  }
  const drawn = [];
  for (const { each, projection } of found) {
    const { pixels, activation, box } = projection;
    const { rgb, scale } = signedPicture(pixels, shape);
    drawn.push({
      view: each,
      name: basename(names[each] as string),
      activation,
      box: [box.top, box.left, box.bottom, box.right],
      image: await dataAddress({ bytes: rgb, ...size, channels: 3 }),
      scale,
    });
  }
  const npy = site.array(
    `${file}-occlusion-projections`,
    [chosen.length, size.channels, size.height, size.width],
    all,
  );
  return { drawn, npy };
}
