// What a measurement depends on, as text: the machine with its library and threads, and one node's op, type and sizes.
// Layouts need not be told: they follow from these.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Node, Value } from '../../../graph/graph.ts';
import type { ConvolutionAttributes } from '../../../graph/ops/convolution.ts';
import { formatShape } from '../../../graph/tensor.ts';
import { plural } from '../../../plural.ts';
import type { EngineDescription } from '../../engine.ts';
import type { Lowering } from '../lowering.ts';

/** `AMD EPYC 7763 (25/1/1), AVX2, oneDNN 2.6.3, 2 threads`. */
export function machineOf({ isa, library, threads }: EngineDescription): string {
  return [cpuName(), isa, library, plural(threads, 'thread')].filter(Boolean).join(', ');
}

let knownCpu: string | undefined;

/** Its name, and on Linux family, model and stepping too: virtual machines give many CPUs one name. Asked for once. */
function cpuName(): string {
  knownCpu ??= findCpuName();
  return knownCpu;
}

function findCpuName(): string {
  const name = cpus()[0]?.model.trim() ?? 'CPU';
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const field = (key: string): string | undefined => new RegExp(`^${key}\\s*: (.*)$`, 'm').exec(text)?.[1];
    const [family, model, stepping] = ['cpu family', 'model', 'stepping'].map(field);
    return family === undefined ? name : `${name} (${family}/${model}/${stepping})`;
  } catch {
    return name;
  }
}

/** One node's question: the same text for nodes between which no measurement can tell. */
export function questionOf(lowering: Lowering, node: Node): string {
  const { op, inputs, outputs, attributes } = node;
  const shapes = (values: readonly Value[]): string =>
    values.map(({ shape }) => formatShape(shape)).join(' ');
  const geometry = geometryOf(attributes as Partial<ConvolutionAttributes>);
  const { reluAfter, addInto } = lowering.fusion;
  const addition = addInto.get(node);
  const behind = `${addition ? ', sum' : ''}${reluAfter.has(addition ?? node) ? ', relu' : ''}`;
  const weights = inputs.find((value) => value.source.kind === 'state' && value.shape.length > 1);
  return (
    `${op.name} ${lowering.storageType(inputs[0] as Value)} ${shapes(inputs)} -> ${shapes(outputs)}${geometry}` +
    `${behind}${weights ? `, weights ${weightsOf(lowering, weights)}` : ''}`
  );
}

/** `, stride 2x2, padding 1x1`; what is 1, or a padding of 0, goes without saying. Nothing for linear layers. */
function geometryOf(attributes: Partial<ConvolutionAttributes>): string {
  const { stride = [1, 1], padding = [0, 0], dilation = [1, 1], groups = 1 } = attributes;
  const parts = [
    ['stride', stride, '1x1'],
    ['padding', padding, '0x0'],
    ['dilation', dilation, '1x1'],
    ['groups', [groups], '1'],
  ] as const;
  return parts
    .filter(([, value, usual]) => value.join('x') !== usual)
    .map(([name, value]) => `, ${name} ${value.join('x')}`)
    .join('');
}

/** Weights that never change are reordered once; others in each run, from the layout that the optimiser keeps. */
function weightsOf(lowering: Lowering, weights: Value): string {
  if (lowering.isUnchanging(weights)) return 'fixed';
  const { layout } = lowering.current(weights);
  const plain = lowering.natives.plainLayout(lowering.dims(weights), layout.type);
  const isPlain = lowering.natives.sameLayout(layout, plain);
  return isPlain ? 'trained, row-major' : 'trained, in blocks';
}
