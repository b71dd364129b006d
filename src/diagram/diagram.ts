// From a network to what is drawn of it: its layers, how they stand together, and the picture that goes in.
import { costOf } from '../graph/cost.ts';
import type { Network } from '../nets/network.ts';
import { type Folding, fold } from './fold.ts';
import { boxesOf, type Layer, type Series, series } from './pieces.ts';
import { structureOf } from './structure.ts';
import { unitsOf } from './units.ts';
import { shapeText } from './words.ts';

export interface Diagram {
  readonly title: string;
  readonly subtitle: string;
  readonly content: Series;
  /** Boxes that are drawn. */
  readonly boxes: number;
}

/** What is to be drawn of a network; `folding` says how much of it. */
export function diagramOf(network: Network, folding: Folding = 'auto'): Diagram {
  const { parameters, macs } = costOf(network.graph);
  const { name, form, classes, images } = network;
  const shape = images.shape.slice(1);
  const picture: Layer = {
    kind: 'layer',
    type: 'input',
    path: '',
    title: 'picture',
    followers: [],
    shape,
    params: 0,
    macs: 0,
  };
  const content = fold(structureOf(unitsOf(network)), folding);
  // Side heads and the main one meet in the loss.
  const ending: Layer[] =
    network.auxiliary.length > 0 ? [{ ...picture, type: 'join', title: 'loss', shape: [] }] : [];
  const batch = images.shape[0] ?? 1;
  return {
    title: `${name}, form ${form}`,
    subtitle:
      `${parameters.toLocaleString('en-US')} parameters, ${(macs / batch).toLocaleString('en-US')} multiply-adds, ` +
      `pictures of ${shapeText(shape)}, ${classes} classes. In boxes: parameters · multiply-adds; ` +
      'on lines: channels×height×width.',
    content: series([picture, ...content.items, ...ending]),
    boxes: 1 + boxesOf(content),
  };
}
