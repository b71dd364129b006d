// A layer's maps as a grid, all on one scale, so that a map that is pale is weak: the unsigned ones from pale to dark,
// signed ones blue below zero and vermilion above.
import { sequential } from '../figures/colour.ts';
import type { Drawing } from '../figures/svg.ts';
import { type ActivationMap, rangeOf } from './activations.ts';
import { contrast, diverging, divergingMap, sequentialMap } from './colours.ts';
import type { Layer } from './layer.ts';
import { drawPanels, type Panel } from './panels.ts';
import { short } from './top-figure.ts';

export interface ActivationSheet {
  readonly title: string;
  readonly layer: Layer;
  /** Those to draw. */
  readonly maps: readonly ActivationMap[];
  /** How many of the layer's maps are zero everywhere. */
  readonly zero: number;
  /** The picture, interleaved RGB, drawn first. */
  readonly picture: { readonly rgb: Uint8Array; readonly height: number; readonly width: number };
  readonly scale: 'shared' | 'own';
}

export async function drawActivations(sheet: ActivationSheet): Promise<Drawing> {
  const { layer, maps, zero, picture, scale } = sheet;
  const range = rangeOf(maps);
  const signed = range.min < 0;
  const values = joined(maps);
  const most = contrast(values);
  const clipped =
    scale === 'own' ? 0 : values.filter((value) => Math.abs(value) > most).length / (values.length || 1);
  const colours = ({ values, min, max }: ActivationMap): Uint8Array => {
    const own = Math.max(Math.abs(min), Math.abs(max)) || 1;
    const full = scale === 'own' ? own : most;
    return signed
      ? divergingMap(values, { scale: full }).rgb
      : sequentialMap(values, { min: 0, max: full }).rgb;
  };
  const panels: Panel[] = maps.map((map) => ({
    rgb: colours(map),
    height: layer.height,
    width: layer.width,
    caption: ['', map.min === 0 && map.max === 0 ? `${map.unit}: zero` : `${map.unit}: ${short(map.max)}`],
  }));
  panels.unshift({ ...picture, smooth: true, caption: ['', 'the picture'] });
  const left = layer.units - maps.length;
  const what = `${layer.units} maps of ${layer.height}x${layer.width}`;
  const shown = left === 0 ? what : `the ${maps.length} strongest of ${what}`;
  const none = zero === 0 ? 'none is zero everywhere' : `${zero} are zero everywhere`;
  const cut = clipped === 0 ? 'nothing clipped' : `${(100 * clipped).toFixed(2)} % clipped at ${short(most)}`;
  const ends = scale === 'own' ? ['smallest', '0', 'largest'] : [short(-most), '0', short(most)];
  return drawPanels({
    title: sheet.title,
    subtitle: `${shown}; ${none}; min ${short(range.min)}, max ${short(range.max)}, ${cut}`,
    panels,
    columns: Math.min(16, Math.max(8, Math.ceil(Math.sqrt(panels.length)))),
    cell: 72,
    gap: 10,
    bar: {
      colour: signed ? (t) => diverging(2 * t - 1) : sequential,
      labels: signed ? ends : ends.slice(1),
      name:
        scale === 'own'
          ? 'each map on its own scale'
          : 'one scale for all maps; under each its number and maximum',
    },
  });
}

function joined(maps: readonly ActivationMap[]): Float32Array {
  const values = new Float32Array(maps.reduce((sum, map) => sum + map.values.length, 0));
  let at = 0;
  for (const map of maps) {
    values.set(map.values, at);
    at += map.values.length;
  }
  return values;
}
