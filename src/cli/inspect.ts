// `laurel inspect FILE`: what a weights file holds.
import type { Command } from 'commander';
import type { TensorSummary, WeightsSummary } from '../weights/inspect.ts';
import { type Align, count, dim, pairs, printResult, table } from './output.ts';
import { addJson, addVerb } from './verb.ts';

export function addInspect(program: Command): void {
  const command = addVerb(
    program,
    'inspect',
    'list the tensors of a weights file',
    'laurel inspect checkpoint.pth',
    'laurel inspect weights.safetensors --json',
  ).argument('<file>', 'safetensors, a PyTorch checkpoint (.pt, .pth), or a NumPy array (.npy)');
  addJson(command).action(async (file: string, { json }: { json?: boolean }) => {
    const { inspectWeights } = await import('../weights/inspect.ts');
    const summary = inspectWeights(file);
    printResult(json, summary, () => describe(summary));
  });
}

const formats: Readonly<Record<WeightsSummary['format'], string>> = {
  safetensors: 'safetensors',
  'pytorch-zip': 'PyTorch checkpoint (zip)',
  'pytorch-legacy': 'PyTorch checkpoint (legacy)',
  npy: 'NumPy array',
};
const longestValue = 100;

function describe({ format, bytes, tensors, elements, metadata }: WeightsSummary): string {
  const types = [...new Set(tensors.map(({ dtype }) => dtype))].join(', ');
  const said = Object.entries(metadata).map(
    ([key, value]) => `${key}: ${value.length > longestValue ? `${value.slice(0, longestValue)}...` : value}`,
  );
  const align: Align[] = ['left', 'right', 'left', 'right', 'right', 'right', 'left'];
  return [
    table([['tensor', 'shape', 'type', 'min', 'max', 'mean', ''], ...tensors.map(row)], align),
    '',
    pairs([
      ['Format', formats[format]],
      ['Tensors', `${count(tensors.length)} (${types || 'none'})`],
      ['Elements', count(elements)],
      ['Size', `${count(bytes)} bytes`],
      ...(said.length === 0 ? [] : [['Metadata', said.join('\n')] as const]),
    ]),
  ].join('\n');
}

function row({ name, shape, dtype, min, max, mean, nonFinite }: TensorSummary): string[] {
  const size = shape.length === 0 ? 'scalar' : shape.join('x');
  const warning = nonFinite === 0 ? '' : dim(`${count(nonFinite)} not finite`);
  return [name, size, dtype, ...[min, max, mean].map(short), warning];
}

/** Four significant digits. */
function short(value: number | null): string {
  return value === null ? '-' : `${Number(value.toPrecision(4))}`;
}
