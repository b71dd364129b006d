// Title and subtitle as every figure has them, upper left; each may take two lines.
import { ink } from './colour.ts';
import { drawText, wrapText } from './text.ts';

/** Distance of all drawing from the edge of a figure, in px. */
export const margin = 32;

/** The heading of a figure `width` px wide; the drawing below starts at `bottom`. */
export function heading(
  title: string,
  subtitle: string | undefined,
  width: number,
): { body: string; bottom: number } {
  const room = width - 2 * margin;
  let body = '';
  let baseline = margin + 22;
  for (const text of wrapText(title, room, 2, 24, 600)) {
    body += drawText(text, margin, baseline, { size: 24, weight: 600 });
    baseline += 31;
  }
  if (subtitle === undefined || subtitle === '') return { body, bottom: baseline - 9 };
  for (const text of wrapText(subtitle, room, 2, 15)) {
    body += drawText(text, margin, baseline - 5, { size: 15, fill: ink.muted });
    baseline += 21;
  }
  return { body, bottom: baseline - 4 };
}
