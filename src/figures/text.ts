// Text as outlines. A bare system has no fonts and an SVG renderer then draws nothing or boxes, so every letter is
// turned into a path from the Inter font that an npm package brings along. Alphabets lie in separate files; each is
// opened when a character first needs it, and outlines are kept per character.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import opentype, { type Font, type PathCommand } from 'opentype.js';
import { ink } from './colour.ts';
import { number } from './svg.ts';

export type TextWeight = 400 | 600;

const alphabets = ['latin', 'latin-ext', 'greek', 'cyrillic', 'vietnamese', 'greek-ext', 'cyrillic-ext'];
const fonts = new Map<string, Font>();
const outlines = new Map<string, Outline>();

/** A character at font size 1, baseline at y = 0. */
type Outline = { advance: number; commands: PathCommand[] };

function font(alphabet: string, weight: TextWeight): Font {
  const name = `inter-${alphabet}-${weight}-normal`;
  let found = fonts.get(name);
  if (found === undefined) {
    const path = createRequire(import.meta.url).resolve(`@fontsource/inter/files/${name}.woff`);
    const bytes = readFileSync(path);
    found = opentype.parse(Uint8Array.from(bytes).buffer);
    fonts.set(name, found);
  }
  return found;
}

/** The outline of a character; one that no alphabet has becomes the font's empty box. */
function outline(char: string, weight: TextWeight): Outline {
  const key = `${weight}${char}`;
  let found = outlines.get(key);
  if (found === undefined) {
    const alphabet = alphabets.find((name) => font(name, weight).charToGlyphIndex(char) > 0) ?? 'latin';
    const from = font(alphabet, weight);
    const glyph = from.charToGlyph(char);
    found = {
      advance: (glyph.advanceWidth ?? from.unitsPerEm / 2) / from.unitsPerEm,
      commands: glyph.getPath(0, 0, 1).commands,
    };
    outlines.set(key, found);
  }
  return found;
}

/** Line breaks and other control characters have no outline; they read as spaces. */
function characters(text: string): string[] {
  return [...text.normalize('NFC').replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')];
}

/** Width of a text in px. */
export function textWidth(text: string, size: number, weight: TextWeight = 400): number {
  let width = 0;
  for (const char of characters(text)) width += outline(char, weight).advance;
  return width * size;
}

/** The text, or as much of its start as fits into `width` px followed by an ellipsis. */
export function fitText(text: string, width: number, size: number, weight: TextWeight = 400): string {
  if (textWidth(text, size, weight) <= width) return text;
  const chars = characters(text);
  while (chars.length > 0 && textWidth(`${chars.join('').trimEnd()}…`, size, weight) > width) chars.pop();
  return `${chars.join('').trimEnd()}…`;
}

/** As `fitText`, but the ellipsis stands in the middle: names often differ at their end. */
export function fitName(text: string, width: number, size: number, weight: TextWeight = 400): string {
  if (textWidth(text, size, weight) <= width) return text;
  const chars = characters(text);
  for (let kept = chars.length - 1; kept > 1; kept--) {
    const head = chars
      .slice(0, Math.ceil(kept * 0.6))
      .join('')
      .trimEnd();
    const tail = chars
      .slice(chars.length - Math.floor(kept * 0.4))
      .join('')
      .trimStart();
    const short = `${head}…${tail}`;
    if (textWidth(short, size, weight) <= width) return short;
  }
  return '…';
}

/** The text in at most `lines` lines of `width` px, broken at spaces and underscores; the last is fitted. */
export function wrapText(
  text: string,
  width: number,
  lines: number,
  size: number,
  weight: TextWeight = 400,
): string[] {
  const words = text.split(/(?<=[\s_/-])/);
  const result: string[] = [];
  while (words.length > 0 && result.length < lines - 1) {
    let line = words.shift() as string;
    while (words.length > 0 && textWidth((line + words[0]).trimEnd(), size, weight) <= width) {
      line += words.shift();
    }
    result.push(fitText(line.trim(), width, size, weight));
  }
  if (words.length > 0) result.push(fitText(words.join('').trim(), width, size, weight));
  return result;
}

export type TextStyle = {
  size: number;
  weight?: TextWeight;
  fill?: string;
  /** Which point of the text lies at x. */
  anchor?: 'start' | 'middle' | 'end';
  /** 'middle' centres capital letters on y; the default puts the baseline there. */
  vertical?: 'baseline' | 'middle';
  /** Clockwise turn about (x, y), in degrees. */
  rotateDeg?: number;
};

/** Height of Inter's capital letters over its size. */
const capHeight = 0.727;

/** SVG of a text whose anchor point lies at (x, y). */
export function drawText(text: string, x: number, y: number, style: TextStyle): string {
  const {
    size,
    weight = 400,
    fill = ink.text,
    anchor = 'start',
    vertical = 'baseline',
    rotateDeg = 0,
  } = style;
  const share = anchor === 'start' ? 0 : anchor === 'middle' ? 0.5 : 1;
  const turn = (rotateDeg * Math.PI) / 180;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const down = vertical === 'middle' ? (capHeight * size) / 2 : 0;
  let along = -share * textWidth(text, size, weight);
  let path = '';
  for (const char of characters(text)) {
    const { advance, commands } = outline(char, weight);
    const place = (px: number, py: number): string => {
      const right = along + px * size;
      const below = down + py * size;
      return `${number(x + right * cos - below * sin)} ${number(y + right * sin + below * cos)}`;
    };
    for (const command of commands) path += outlineStep(command, place);
    along += advance * size;
  }
  return path === '' ? '' : `<path fill="${fill}" d="${path}"/>`;
}

function outlineStep(command: PathCommand, place: (x: number, y: number) => string): string {
  switch (command.type) {
    case 'Z':
      return 'Z';
    case 'Q':
      return `Q${place(command.x1, command.y1)} ${place(command.x, command.y)}`;
    case 'C':
      return `C${place(command.x1, command.y1)} ${place(command.x2, command.y2)} ${place(command.x, command.y)}`;
    default:
      return `${command.type}${place(command.x, command.y)}`;
  }
}
