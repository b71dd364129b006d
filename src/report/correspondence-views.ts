// Whether layers know of parts, wherever they lie (table 1), on the way into the site: the boxes are read and checked
// before anything long begins.
import { basename } from 'node:path';
import { fileSource } from '../evaluate/sources.ts';
import { measureCorrespondence, type SignChange } from '../explain/correspondence.ts';
import { boxesInInput, readBoxes } from '../explain/correspondence-boxes.ts';
import { interleave } from '../explain/interleave.ts';
import type { Box } from '../explain/layer.ts';
import type { Subject } from '../explain/scan.ts';
import { inputPicture, inputSize, inputsOf } from '../explain/scan-input.ts';
import { joined } from '../explain/stack.ts';
import { dataAddress } from './site.ts';
import type { BoxList } from './unit-data.ts';
import type { ViewsRequest } from './views-request.ts';

/** A file of boxes, read and checked. */
export interface OpenedBoxes {
  readonly parts: readonly string[];
  readonly files: readonly string[];
  /** Of each picture, in the order of the parts, px of the network's input. */
  readonly boxes: readonly (readonly Box[])[];
}

/** Throws a UserError that names the picture and the part. */
export async function openBoxes(path: string, { preprocessing }: Subject): Promise<OpenedBoxes> {
  const listed = readBoxes(path);
  return {
    parts: listed.parts,
    files: listed.pictures.map(({ file }) => file),
    boxes: await boxesInInput(listed, preprocessing),
  };
}

export interface CorrespondenceViewsRequest extends ViewsRequest, OpenedBoxes {
  readonly seed: number;
}

const list = ({ top, left, bottom, right }: Box): BoxList => [top, left, bottom, right];

/** Puts `correspondence`. */
export async function putCorrespondence(request: CorrespondenceViewsRequest): Promise<void> {
  const { site, subject, parts, files, boxes, seed, signal, onStatus } = request;
  const { preprocessing } = subject;
  const [, height, width] = inputSize(preprocessing);
  const images = await inputsOf(fileSource(files), preprocessing, [...files.keys()]);
  const result = await measureCorrespondence({
    ...subject,
    engine: request.engine,
    dtype: request.dtype,
    images,
    parts,
    boxes,
    seed,
    signal,
    onProgress: (done, total) => onStatus?.(`correspondence: ${done} of ${total} pictures`),
  });
  const length = images.length / files.length;
  const pictures = [];
  for (const [i, file] of files.entries()) {
    const bytes = interleave(inputPicture(images.subarray(i * length, (i + 1) * length), preprocessing), {
      height,
      width,
    });
    pictures.push({
      name: basename(file),
      image: await dataAddress({ bytes, height, width }, { exact: false }),
      boxes: (boxes[i] ?? []).map(list),
      // One of the draws, so that one sees what random means.
      random: list(result.randomBoxes[0]?.[0]?.[i] as Box),
    });
  }
  const pairs = (files.length * (files.length - 1)) / 2;
  const ofParts = result.layers.flatMap((layer) => layer.parts.map((part) => part.pairs));
  const ofRandom = result.layers.map(({ random }) => random.pairs);
  site.put('correspondence', {
    parts,
    pictures,
    draws: result.draws,
    seed,
    layers: result.layers.map(({ layer, parts: own, random }) => ({
      layer,
      parts: own.map(numbers),
      random: numbers(random),
    })),
    npy: {
      parts: site.array('correspondence/parts', [result.layers.length, parts.length, pairs], joined(ofParts)),
      random: site.array(
        'correspondence/random',
        [result.layers.length, result.draws, parts.length, pairs],
        joined(ofRandom),
      ),
    },
  });
}

const numbers = ({ mean, deviation, standardError }: SignChange) => ({ mean, deviation, standardError });
