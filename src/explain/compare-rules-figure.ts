// The three rules beside the picture, each on its own symmetric scale, with a frame around what the position sees.
import type { Drawing } from '../figures/svg.ts';
import { signedPicture } from './colours.ts';
import type { RuleComparison } from './compare-rules.ts';
import { drawPanels, type Panel } from './panels.ts';
import { type Rule, rules } from './project.ts';
import { short } from './top-figure.ts';

const keeps: Readonly<Record<Rule, string>> = {
  deconvnet: 'ReLUs keep what is positive on the way down',
  gradient: 'ReLUs keep what the picture let through',
  guided: 'ReLUs keep what meets both conditions',
};

export interface RulesPicture {
  readonly name: string;
  /** Interleaved RGB. */
  readonly rgb: Uint8Array;
  readonly comparison: RuleComparison;
}

export async function drawRules(
  pictures: readonly RulesPicture[],
  shape: {
    readonly channels: number;
    readonly height: number;
    readonly width: number;
    readonly order?: 'RGB' | 'BGR' | undefined;
  },
  title: string,
): Promise<Drawing> {
  const { height, width } = shape;
  const panels = pictures.flatMap(({ name, rgb, comparison }): Panel[] => {
    const { projections, correlations } = comparison;
    const { activation, position, box } = projections.deconvnet;
    const whole = box.top === 0 && box.left === 0 && box.bottom === height && box.right === width;
    const frame = whole ? undefined : box;
    const at = `${short(activation)} at ${position.join(',')}${whole ? '' : '; framed: what it sees'}`;
    const picture: Panel = { rgb, height, width, smooth: true, caption: [name, at], ...(frame && { frame }) };
    return [
      picture,
      ...rules.map((rule): Panel => {
        const { pixels } = projections[rule];
        const { rgb: drawn, scale, clipped } = signedPicture(pixels, shape);
        const [min, max] = [
          pixels.reduce((a, b) => Math.min(a, b), 0),
          pixels.reduce((a, b) => Math.max(a, b), 0),
        ];
        const zero = min === 0 && max === 0;
        const numbers = zero ? 'all zero: nothing comes down' : `min ${short(min)}, max ${short(max)}`;
        const cut = zero ? '' : `full contrast ±${short(scale)}, ${(100 * clipped).toFixed(2)} % clipped`;
        const other = correlations.find(
          (pair) => pair.rules.includes(rule) && pair.rules.includes('deconvnet'),
        );
        const likeness =
          rule === 'deconvnet' || zero ? '' : `correlation with deconvnet ${other?.r.toFixed(2)}`;
        const caption = [rule, keeps[rule], numbers, cut, likeness].filter((text) => text !== '');
        return { rgb: drawn, height, width, smooth: true, caption };
      }),
    ];
  });
  return drawPanels({
    title,
    subtitle: 'The same activation carried down to the pixels by three rules; mid-grey is zero',
    panels,
    columns: 4,
    cell: 272,
  });
}
