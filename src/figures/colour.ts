// Colours for figures. Lines and marks use the palette of Okabe and Ito (2008), made to stay apart for every common
// kind of colour blindness. Quantities use a scale built in OKLab (Ottosson 2020), where equal steps look equal:
// lightness falls in a straight line from near white to near black blue while the hue turns from yellow over green
// to violet, so the order also survives a grey print.

export type Rgb = readonly [red: number, green: number, blue: number];

/** The neutral colours that all figures share. */
export const ink = {
  text: '#1f2933',
  muted: '#5b6776',
  axis: '#9aa5b1',
  grid: '#e8ebef',
  empty: '#f1f3f5',
  paper: '#ffffff',
} as const;

/** Right and wrong: blue and vermilion, told apart by every eye; a sign always goes with them. */
export const right = '#0072b2';
export const wrong = '#d55e00';

/** Ordered so that the first four differ most for the weakest eye (green and purple are the nearest pair). */
const lines = ['#0072b2', '#d55e00', '#4d4d4d', '#e69f00', '#009e73', '#56b4e9', '#cc79a7'] as const;

/** The colour of the index-th series; after seven they repeat, and `seriesDash` keeps them apart. */
export function seriesColour(index: number): string {
  return lines[index % lines.length] as string;
}

/** How often the palette has been used up before the index-th series: 0 solid, then other dash patterns. */
export function seriesRound(index: number): number {
  return Math.floor(index / lines.length);
}

/** OKLab (lightness 0..1, a, b) to linear sRGB; values outside 0..1 are colours that a screen lacks. */
function oklabToLinear(lightness: number, a: number, b: number): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** An sRGB colour (0..255) in OKLab. */
export function rgbToOklab([red, green, blue]: Rgb): Rgb {
  const linear = (value: number): number =>
    value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/**
 * The scale at `t` in 0..1. Chroma rises from paper to 0.095, the most that a screen shows at every hue on the way
 * (the narrowest place is a blue green of lightness 0.56, where 0.099 is the limit).
 */
function scaleColour(t: number): Rgb {
  const lightness = 0.985 - 0.705 * t;
  const hue = ((105 + 185 * t) * Math.PI) / 180;
  const chroma = 0.095 - 0.075 * (1 - t) ** 6;
  return oklabToRgb([lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)]);
}

/** A colour of OKLab as sRGB (0..255); what a screen lacks is clamped. */
export function oklabToRgb([lightness, a, b]: Rgb): Rgb {
  const [red, green, blue] = oklabToLinear(lightness, a, b);
  const encode = (value: number): number => {
    const inside = Math.min(1, Math.max(0, value));
    return Math.round(255 * (inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055));
  };
  return [encode(red), encode(green), encode(blue)];
}

const scaleTable = Array.from({ length: 256 }, (_, step) => scaleColour(step / 255));

/** The colour of a quantity in 0..1 (clamped): pale yellow for 0, dark violet for 1. */
export function sequential(t: number): Rgb {
  const step = Math.round(255 * Math.min(1, Math.max(0, Number.isNaN(t) ? 0 : t)));
  return scaleTable[step] as Rgb;
}

/** "#rrggbb" of a colour. */
export function hex(colour: Rgb): string {
  return `#${colour.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

/** Black or white text, whichever reads better on `colour`. */
export function textOn(colour: Rgb): string {
  return rgbToOklab(colour)[0] > 0.68 ? ink.text : ink.paper;
}
