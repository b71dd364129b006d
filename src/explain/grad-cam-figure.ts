// Grad-CAM as a figure: the picture, the heat map as the layer has it, and the two together. A dark or coloured veil
// would hide what is to be seen, so the third picture keeps what the map marks and dims the rest; a line runs where
// the map has half its maximum.
import { sequential } from '../figures/colour.ts';
import type { Drawing } from '../figures/svg.ts';
import { sequentialMap } from './colours.ts';
import type { GradCam } from './grad-cam.ts';
import { interleave } from './interleave.ts';
import type { Layer } from './layer.ts';
import { drawPanels, type Panel } from './panels.ts';
import { short } from './top-figure.ts';

export interface GradCamPicture {
  readonly name: string;
  /** Planar bytes, one or three channels. */
  readonly picture: Uint8Array;
  readonly result: GradCam;
  readonly className: string;
}

const line = [213, 94, 0] as const;

export async function drawGradCam(
  pictures: readonly GradCamPicture[],
  layer: Layer,
  size: { readonly height: number; readonly width: number },
  title: string,
): Promise<Drawing> {
  const panels = pictures.flatMap(({ name, picture, result, className }): Panel[] => {
    const { map, probabilities } = result;
    const max = map.reduce((most, value) => Math.max(most, value), 0);
    const rgb = interleave(picture, size);
    const probability = `${(100 * (probabilities[result.class] as number)).toFixed(1)} %`;
    const verdict =
      max > 0 ? `min 0, max ${short(max)}` : `all zero: nothing in ${layer.path} speaks for the class`;
    return [
      { rgb, ...size, smooth: true, caption: [name, `${className}: ${probability}`] },
      {
        rgb: sequentialMap(map, { min: 0, max: max || 1 }).rgb,
        height: layer.height,
        width: layer.width,
        caption: [`${layer.path}, ${layer.height}x${layer.width}`, verdict],
      },
      {
        rgb: spotlight(rgb, enlarge(map, layer, size), size),
        ...size,
        smooth: true,
        caption: ['where it looks', 'the line is at half the maximum'],
      },
    ];
  });
  return drawPanels({
    title,
    subtitle: 'Grad-CAM: maps weighted by the mean gradient of the class, summed and rectified',
    panels,
    columns: 3,
    cell: 280,
    bar: { colour: sequential, labels: ['0', 'maximum'], name: 'each map on its own scale' },
  });
}

/** A map at the picture's size, bilinear, the centres of its values where the layer's positions are spread evenly. */
export function enlarge(
  map: Float32Array,
  from: { readonly height: number; readonly width: number },
  to: { readonly height: number; readonly width: number },
): Float32Array {
  const places = (count: number, own: number) =>
    Array.from({ length: count }, (_, i) => {
      const at = Math.min(own - 1, Math.max(0, ((i + 0.5) * own) / count - 0.5));
      const before = Math.min(own - 1, Math.floor(at));
      return { before, after: Math.min(own - 1, before + 1), share: at - before };
    });
  const rows = places(to.height, from.height);
  const columns = places(to.width, from.width);
  const enlarged = new Float32Array(to.height * to.width);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      const value = (r: number, c: number): number => map[r * from.width + c] as number;
      const upper =
        value(row.before, column.before) * (1 - column.share) +
        value(row.before, column.after) * column.share;
      const lower =
        value(row.after, column.before) * (1 - column.share) + value(row.after, column.after) * column.share;
      enlarged[y * to.width + x] = upper * (1 - row.share) + lower * row.share;
    }
  }
  return enlarged;
}

/** The picture, grey and dim where the map is low, with a line at half its maximum. */
function spotlight(
  rgb: Uint8Array,
  map: Float32Array,
  { height, width }: { readonly height: number; readonly width: number },
): Uint8Array {
  const max = map.reduce((most, value) => Math.max(most, value), 0);
  const lit = new Uint8Array(rgb.length);
  const share = (y: number, x: number): number => (max === 0 ? 0 : (map[y * width + x] as number) / max);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      const t = share(y, x);
      const [r, g, b] = [rgb[at] as number, rgb[at + 1] as number, rgb[at + 2] as number];
      const grey = 0.45 * (0.299 * r + 0.587 * g + 0.114 * b) + 20;
      const inside = t >= 0.5;
      const edge =
        (x + 1 < width && inside !== share(y, x + 1) >= 0.5) ||
        (y + 1 < height && inside !== share(y + 1, x) >= 0.5);
      for (let c = 0; c < 3; c++) {
        const own = [r, g, b][c] as number;
        lit[at + c] = edge ? (line[c] as number) : Math.round(grey + Math.min(1, t * 1.4) * (own - grey));
      }
    }
  }
  return lit;
}
