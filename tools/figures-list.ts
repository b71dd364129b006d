// Every figure of docs/figures, by the group that makes it.
import type { FigureGroup } from './figures-group.ts';
import { googLeNetInside, leNetInside } from './looking-inside-figures.ts';
import { networkFigures } from './network-figures.ts';
import { browserPage, results, scaling } from './page-figures.ts';
import { rateFigure, runsFigure } from './training-figures.ts';

export const figureGroups: readonly FigureGroup[] = [
  networkFigures,
  googLeNetInside,
  leNetInside,
  rateFigure,
  runsFigure,
  scaling,
  results,
  browserPage,
];

/** Figures of measurements, which `npm run bench -- roofline growth` draws and nothing else: they want the machine for minutes. */
export const measuredFigures: readonly string[] = ['roofline.png', 'arena.png', 'growth.png'];
