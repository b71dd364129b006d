// The second layer of a network as figure 6 (d, e) of the ZFNet paper has it: chosen maps, each with its strongest
// activations over a data set projected down to the pixels, so that two networks can be put beside each other. Which
// layer that is is read off the graph: the second convolution that looks at more than one position, behind what
// normalises and squashes it.
import { UserError } from '../errors.ts';
import { ink } from '../figures/colour.ts';
import { embed, rect } from '../figures/svg.ts';
import { drawText, fitText, wrapText } from '../figures/text.ts';
import type { Node, Value } from '../graph/graph.ts';
import type { Network } from '../nets/network.ts';
import { layerHealth } from './health.ts';
import { squashing } from './invariance-layers.ts';
import type { Rule } from './project.ts';
import type { LayerScan } from './scan.ts';
import type { OpenedScan } from './scan-open.ts';
import { stack } from './stack.ts';
import { projectTop } from './top.ts';
import { type Canvas, drawTopBlock, type TopBlock } from './top-figure.ts';
import { recordEntries, type TopEntryRecord } from './top-sheet.ts';

/** The path of the second layer. Throws a UserError for a network that has none. */
export function secondLayer(network: Network): string {
  const { nodes, modules } = network.graph;
  const paths = new Map<Value, string>();
  for (const [path, value] of modules) {
    const before = paths.get(value);
    if (before === undefined || path.length < before.length) paths.set(value, path);
  }
  const second = nodes.filter(looksAround)[1];
  const chain = second === undefined ? [] : [second, ...squashing(network, second)];
  const path = chain
    .map(({ outputs }) => paths.get(outputs[0] as Value))
    .findLast((each) => each !== undefined);
  if (path !== undefined) return path;
  throw new UserError(
    `${network.name} has no second convolution of more than one position. Name a layer with --second, or leave second ` +
      'layers out with --maps 0.',
    { exitCode: 2 },
  );
}

function looksAround({ op, inputs }: Node): boolean {
  const [, , height = 1, width = 1] = inputs[1]?.shape ?? [];
  return op.name === 'convolution' && height * width > 1;
}

/** What is shown of a second layer. */
export interface SecondLayer {
  readonly layer: string;
  readonly units: number;
  readonly dead: readonly number[];
  readonly pictures: number;
  readonly rule: Rule;
  readonly chosen: string;
  readonly blocks: readonly TopBlock[];
  readonly maps: readonly {
    readonly unit: number;
    readonly active: number;
    readonly top: readonly TopEntryRecord[];
  }[];
  /** Projections of all entries in the order of `maps`, N x C x H x W of the largest box. */
  readonly projections: { readonly shape: readonly number[]; readonly data: Float32Array };
}

/** Projects the strongest activations of some maps of a scanned layer. */
export async function lookAtSecond(
  { subject, data, engine, labels }: OpenedScan,
  scan: LayerScan,
  {
    units,
    rule,
    chosen,
  }: { readonly units: readonly number[]; readonly rule: Rule; readonly chosen: string },
  signal?: AbortSignal,
): Promise<SecondLayer> {
  const { channels, height, width, pad, order } = subject.preprocessing;
  const canvas: Canvas = {
    channels,
    height: height + 2 * pad,
    width: width + 2 * pad,
    ...(order && { order }),
  };
  const context = { pictures: scan.pictures, size: scan.top.size, labels };
  const blocks: TopBlock[] = [];
  const maps: SecondLayer['maps'][number][] = [];
  const parts: { values: Float32Array; box: TopEntryRecord['box'] }[] = [];
  // Positions come from the scan; pixels are worth full precision.
  const projecting = { subject, source: data.source, engine, dtype: 'f32', scan, units, rule } as const;
  for await (const unit of projectTop(projecting)) {
    signal?.throwIfAborted();
    blocks.push(await drawTopBlock(unit, canvas, context));
    maps.push({ unit: unit.unit, active: unit.active, top: recordEntries(unit, canvas, labels) });
    parts.push(...unit.entries.map(({ pixels, box }) => ({ values: pixels, box })));
  }
  const { layer, units: count, pictures } = scan;
  const projections =
    parts.length === 0 ? { shape: [0, channels, 1, 1], data: new Float32Array(0) } : stack(parts);
  return {
    layer,
    units: count,
    dead: layerHealth(scan).dead,
    pictures,
    rule,
    chosen,
    blocks,
    maps,
    projections,
  };
}

const size = 12.5;
const lineHeight = 17;
const [between, seam, perRow] = [16, 4, 2];

/** The maps of a second layer in a column of a figure; `height` is what they take. */
export function drawSecond(
  { layer, units, dead, pictures, rule, chosen, blocks }: SecondLayer,
  x: number,
  y: number,
  column: number,
): { readonly body: string; readonly height: number } {
  const pair = (column - between * (perRow - 1)) / perRow;
  const side = Math.floor((pair - seam) / 2);
  let body = drawText(fitText(`Second layer: ${layer}`, column, 15, 600), x, y + 10, {
    size: 15,
    weight: 600,
  });
  let bottom = y + 32;
  const caption =
    `${chosen}. Left: the strongest activations over ${pictures.toLocaleString('en-US')} pictures, each carried down to ` +
    `the pixels alone (${rule}), on its own symmetric scale, mid-grey zero; right: the same parts of the pictures. ` +
    `${dead.length} of ${units} maps never above zero.`;
  for (const text of wrapText(caption, column, 5, size)) {
    body += drawText(text, x, bottom, { size, fill: ink.muted });
    bottom += lineHeight;
  }
  const step = side + 2 * lineHeight + 16;
  for (const [i, { projections, patches, lines }] of blocks.entries()) {
    const [left, top] = [x + (i % perRow) * (pair + between), bottom + Math.floor(i / perRow) * step];
    body += rect(left, top, 2 * side + seam, side, { fill: ink.empty });
    body += embed(projections, left, top, side, side);
    body += embed(patches, left + side + seam, top, side, side);
    for (const [line, text] of lines.entries()) {
      const style = line === 0 ? ({ size, weight: 600 } as const) : { size, fill: ink.muted };
      // How often a map is awake has no room here; the JSON says it.
      const words = line === 0 ? text.replace(/, above zero.*/, '') : text;
      const fitted = fitText(words, pair, size, line === 0 ? 600 : 400);
      body += drawText(fitted, left, top + side + 16 + line * lineHeight, style);
    }
  }
  return { body, height: bottom + Math.ceil(blocks.length / perRow) * step - y };
}
