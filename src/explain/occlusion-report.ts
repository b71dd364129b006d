// From an occlusion to its figures: the picture, what it is covered with, and the map's projection in it and in others.
import { writeDrawing } from '../figures/svg.ts';
import { signedPicture } from './colours.ts';
import { interleave } from './interleave.ts';
import { findLayer } from './layer.ts';
import type { Occlusion } from './occlusion.ts';
import { drawOcclusion, drawOverlay, type OcclusionFigure } from './occlusion-figure.ts';
import { filledPicture } from './occlusion-fill.ts';
import type { Photo } from './occlusion-pictures.ts';
import { createProjector } from './project.ts';
import { inputPicture } from './scan-input.ts';
import type { OpenSubject } from './subject.ts';
import { short } from './top-figure.ts';

/**
 * Projects the map in every picture of the subject, the occluded one first, and gathers what the figures show.
 * `picture`: its name in the caption.
 */
export async function drawReport(
  subject: OpenSubject,
  occlusion: Occlusion,
  picture: string,
): Promise<OcclusionFigure> {
  const { name, images, batch, size, preprocessing, classes, protocol, engine, dtype, tensors, build } =
    subject;
  const length = images.length / batch;
  const photo = (input: Float32Array): Photo => ({
    rgb: interleave(inputPicture(input, preprocessing), size),
    height: size.height,
    width: size.width,
  });
  const image = images.subarray(0, length);
  const cover = filledPicture(image, size, preprocessing, occlusion.fill, occlusion.grid.size);
  const network = build(batch);
  const projector = createProjector(engine, network, tensors, findLayer(network, occlusion.layer), { dtype });
  let projections: Photo[];
  let projectionRange = '';
  try {
    const seeds = Array.from({ length: batch }, () => ({ unit: occlusion.unit }));
    projections = projector.project(images, seeds).map(({ pixels }) => {
      const { rgb, scale, clipped } = signedPicture(pixels, { ...size, order: preprocessing.order });
      projectionRange ||= rangeInWords(pixels, scale, clipped);
      return { rgb, height: size.height, width: size.width };
    });
  } finally {
    projector.dispose();
  }
  return {
    title: `${name} with a part of ${picture} covered`,
    occlusion,
    photo: photo(image),
    cover: photo(cover),
    projections,
    projectionRange,
    nameOf: (index) => (classes?.[index] ?? `class ${index}`).split(',')[0] as string,
    footnote: [protocol],
  };
}

function rangeInWords(pixels: Float32Array, scale: number, clipped: number): string {
  const [min, max] = pixels.reduce(
    ([low, high], value): [number, number] => [Math.min(low, value), Math.max(high, value)],
    [0, 0],
  );
  if (min === 0 && max === 0) return 'It is zero everywhere: the map is silent on this picture.';
  const share = `${(100 * clipped).toFixed(1)} % clipped`;
  return `From ${short(min)} to ${short(max)}; grey is 0, scale ±${short(scale)} (${share}).`;
}

/** Writes the panels of figure 7 and the overlay. */
export async function writeReport(figure: OcclusionFigure, panels: string, overlay: string): Promise<void> {
  await writeDrawing(panels, await drawOcclusion(figure));
  await writeDrawing(overlay, await drawOverlay(figure));
}
