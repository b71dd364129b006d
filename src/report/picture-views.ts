// The views of chosen pictures, one entry per picture: what the network says, Grad-CAM, the strongest map of each layer
// by the three rules, activations, and occlusion. A program is compiled once for all pictures, whichever it is of.
import { basename } from 'node:path';
import { type ActivationMap, activationMaps, rangeOf, strongestMaps } from '../explain/activations.ts';
import { divergingMap, sequentialMap, signedPicture } from '../explain/colours.ts';
import { correlation } from '../explain/compare-rules.ts';
import { createGradCam, type GradCam, lastSpatialLayer } from '../explain/grad-cam.ts';
import { interleave } from '../explain/interleave.ts';
import { findLayer, type Layer } from '../explain/layer.ts';
import { createProjector, type Projection, type Projector, type Rule, rules } from '../explain/project.ts';
import { inputPicture, inputSize } from '../explain/scan-input.ts';
import { fileNameOf } from '../explain/top-sheet.ts';
import { occlusionOf } from './occlusion-view.ts';
import { dataAddress } from './site.ts';
import { rangeOf as rangeOfValues } from './unit-data.ts';
import type { ChosenViewsRequest } from './views-request.ts';

export interface PictureViewsRequest extends ChosenViewsRequest {
  /** The class that is right, where it is known. */
  readonly labels: readonly (string | null)[];
  /** Paths of the layers to look into; those without maps are left out. */
  readonly layers: readonly string[];
  /** Places of the occluding square along a side, about; 0 for none. */
  readonly occlusionPlaces: number;
}

export interface PictureSummary {
  readonly name: string;
  readonly label: string | null;
  readonly file: string;
  readonly thumbnail: string;
  /** Side of the picture, px. */
  readonly side: number;
  readonly answer: string;
  readonly probability: number;
}

/** Maps of a layer that are shown for each picture. */
const mapsShown = 9;

/** Puts `view-0`, `view-1`, ... and gives what the list of them needs. */
export async function putPictureViews(request: PictureViewsRequest): Promise<PictureSummary[]> {
  const { site, subject, names, labels, classes, images, onStatus, signal } = request;
  const size = shapeOf(request);
  const length = images.length / names.length;
  const pictures = names.map((_, i) => images.slice(i * length, (i + 1) * length));
  if (pictures.length === 0) return [];
  onStatus?.('pictures: Grad-CAM');
  const cams = gradCams(request, pictures);
  const layerViews = [];
  for (const path of request.layers) {
    signal?.throwIfAborted();
    const { height, width } = findLayer(subject.build(1), path);
    if (height * width === 1) continue;
    onStatus?.(`pictures: ${path}`);
    layerViews.push(await layerView(request, pictures, path));
  }
  const shortName = (index: number): string => (classes[index] ?? `class ${index}`).split(',')[0] as string;
  const summaries: PictureSummary[] = [];
  for (const [i, image] of pictures.entries()) {
    const { cam, layer } = cams[i] as {
      cam: GradCam;
      layer: { path: string; height: number; width: number };
    };
    const rgb = interleave(inputPicture(image, subject.preprocessing), size);
    const photo = { rgb, height: size.height, width: size.width };
    const file = `view-${i}`;
    const address = await dataAddress({ bytes: rgb, ...size, channels: 3 }, { exact: false });
    const order = [...cam.probabilities.keys()].sort(
      (a, b) => (cam.probabilities[b] as number) - (cam.probabilities[a] as number),
    );
    const answers = order.slice(0, 5).map((index) => ({
      name: shortName(index),
      probability: cam.probabilities[index] as number,
    }));
    site.put(file, {
      name: basename(names[i] as string),
      label: labels[i],
      image: address,
      height: size.height,
      width: size.width,
      answers,
      npy: site.array(`${file}-picture`, [1, size.channels, size.height, size.width], image),
      gradcam: {
        layer: layer.path,
        height: layer.height,
        width: layer.width,
        class: shortName(cam.class),
        values: rounded(cam.map),
        npy: site.array(`${file}-gradcam`, [layer.height, layer.width], cam.map),
      },
      rules: layerViews.flatMap((view) => view[i]?.rules ?? []),
      activations: layerViews.flatMap((view) => view[i]?.activations ?? []),
      occlusion: await occlusionOf(request, pictures, i, photo, file),
    });
    summaries.push({
      name: basename(names[i] as string),
      label: labels[i] ?? null,
      file,
      thumbnail: address,
      side: Math.max(size.height, size.width),
      answer: answers[0]?.name ?? '',
      probability: answers[0]?.probability ?? 0,
    });
  }
  return summaries;
}

/** Of the network's input. */
export function shapeOf({ subject }: PictureViewsRequest) {
  const [channels, height, width] = inputSize(subject.preprocessing);
  return { channels, height, width };
}

/** Numbers as short as a colour and a caption need. */
export function rounded(values: ArrayLike<number>): number[] {
  return Array.from(values, (value) => Number(value.toPrecision(5)));
}

function gradCams({ subject, engine, dtype }: PictureViewsRequest, pictures: readonly Float32Array[]) {
  const network = subject.build(1);
  const layer = findLayer(network, lastSpatialLayer(network));
  const explainer = createGradCam(engine, network, subject.tensors, layer, { dtype });
  try {
    return pictures.map((image) => ({ cam: explainer.explain(image, [undefined])[0] as GradCam, layer }));
  } finally {
    explainer.dispose();
  }
}

interface Found {
  readonly maps: readonly ActivationMap[];
  /** The strongest. */
  readonly unit: number;
  readonly projections: Map<Rule, Projection>;
}

/** One layer in all pictures: the strongest map by three rules, and the strongest maps as they are. */
async function layerView(request: PictureViewsRequest, pictures: readonly Float32Array[], path: string) {
  const { subject, engine, dtype } = request;
  const found: Found[] = [];
  for (const rule of rules) {
    const network = subject.build(1);
    const layer = findLayer(network, path);
    const projector: Projector = createProjector(engine, network, subject.tensors, layer, { rule, dtype });
    try {
      for (const [i, image] of pictures.entries()) {
        const known = found[i] ?? { ...strongest(projector, image), projections: new Map() };
        found[i] = known;
        const [projection] = projector.project(image, [{ unit: known.unit }]);
        known.projections.set(rule, projection as Projection);
      }
    } finally {
      projector.dispose();
    }
  }
  const layer = findLayer(subject.build(1), path);
  return Promise.all(
    found.map(async (each, i) => {
      const stem = `view-${i}-${fileNameOf(path)}`;
      return {
        rules: await rulesRecord(request, layer, each, stem),
        activations: await activationsRecord(request, layer, each.maps, stem),
      };
    }),
  );
}

async function rulesRecord(
  request: PictureViewsRequest,
  layer: Layer,
  { unit, projections }: Found,
  stem: string,
) {
  const { site, subject } = request;
  const size = shapeOf(request);
  const shape = { ...size, order: subject.preprocessing.order };
  const first = projections.get('deconvnet') as Projection;
  const each = rules.map((rule) => projections.get(rule) as Projection);
  const pixels = new Float32Array(each.length * first.pixels.length);
  for (const [r, projection] of each.entries()) pixels.set(projection.pixels, r * first.pixels.length);
  const scales = each.map((projection) => signedPicture(projection.pixels, shape).scale);
  // The deconvnet starts from the activation and the others from 1: divided by it they can share a scale.
  const starts = each.map(({ seed }) => Math.abs(seed) || 1);
  const shared = Math.max(...scales.map((scale, r) => scale / (starts[r] as number)));
  const drawn = [];
  for (const [r, rule] of rules.entries()) {
    const values = (each[r] as Projection).pixels;
    const own = signedPicture(values, shape);
    const same = signedPicture(values, shape, { scale: shared * (starts[r] as number) });
    drawn.push({
      rule,
      own: await dataAddress({ bytes: own.rgb, ...size, channels: 3 }),
      shared: await dataAddress({ bytes: same.rgb, ...size, channels: 3 }),
      scales: [own.scale, same.scale],
      clipped: [own.clipped, same.clipped],
      range: rangeOfValues(values),
    });
  }
  const correlations = rules.slice(1).map((rule) => ({
    rule,
    r: correlation(first.pixels, (projections.get(rule) as Projection).pixels),
  }));
  const { position, activation } = first;
  const { top, left, bottom, right } = first.box;
  const shapeOfAll = [rules.length, size.channels, size.height, size.width];
  const npy = site.array(`${stem}-rules`, shapeOfAll, pixels);
  return {
    layer: layer.path,
    unit,
    position,
    activation,
    box: [top, left, bottom, right],
    drawn,
    correlations,
    npy,
  };
}

async function activationsRecord(
  { site }: PictureViewsRequest,
  { path, units, height, width }: Layer,
  maps: readonly ActivationMap[],
  stem: string,
) {
  const all = new Float32Array(units * height * width);
  for (const map of maps) all.set(map.values, map.unit * height * width);
  return {
    layer: path,
    units,
    height,
    width,
    maps: await drawMaps(strongestMaps(maps, mapsShown), { height, width }),
    npy: site.array(`${stem}-activations`, [units, height, width], all),
  };
}

function strongest({ layer, activations }: Projector, image: Float32Array) {
  // The projector's arrays may be written over by its next run.
  const maps = activationMaps(activations(image).slice(), layer);
  const { unit } = maps.reduce((best, map) => (map.max > best.max ? map : best));
  return { maps, unit };
}

/** Maps with values below zero on the diverging scale, others on the sequential one. */
async function drawMaps(maps: readonly ActivationMap[], size: { height: number; width: number }) {
  const range = rangeOf(maps);
  const signed = range.min < 0;
  const drawn = [];
  for (const { unit, min, max, values } of maps) {
    const largest = Math.max(Math.abs(range.min), Math.abs(range.max)) || 1;
    const own = signed ? divergingMap(values) : sequentialMap(values, { min: 0 });
    const same = signed
      ? divergingMap(values, { scale: largest })
      : sequentialMap(values, { min: 0, max: range.max });
    drawn.push({
      unit,
      range: [min, max],
      own: await dataAddress({ bytes: own.rgb, ...size }),
      shared: await dataAddress({ bytes: same.rgb, ...size }),
    });
  }
  return drawn;
}
