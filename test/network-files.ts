// Small files for tests: a network's weights as they start, and tensors.
import { createReferenceEngine } from '../src/engines/reference/index.ts';
import { findNetwork } from '../src/nets/index.ts';
import { type BuildOptions, buildNetwork } from '../src/nets/network.ts';
import { writeSafetensors } from '../src/weights/safetensors.ts';
import type { Tensor } from '../src/weights/tensor-file.ts';

/** The weights that `net` starts with from `seed`. */
export function startingWeights(
  net: string,
  options: BuildOptions & { seed?: number } = {},
): Map<string, Tensor> {
  const { graph } = buildNetwork(findNetwork(net), options);
  const program = createReferenceEngine().compile(graph, { seed: options.seed ?? 1 });
  return new Map([...graph.states].map(([name, { shape }]) => [name, { shape, data: program.read(name) }]));
}

/** Writes the weights that `net` starts with, after `change` has had its way with them. */
export function writeStartingWeights(
  path: string,
  net: string,
  options: BuildOptions & { metadata?: Record<string, string> } = {},
  change: (tensors: Map<string, Tensor>) => void = () => {},
): void {
  const tensors = startingWeights(net, options);
  change(tensors);
  writeSafetensors(path, tensors, options.metadata);
}

/** Numbers in -1..1 that look random and are the same every time. */
export function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + (i % 7)));
}
