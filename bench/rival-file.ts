// The ONNX file that a rival reads: written by our own exporter, with seeded random weights as our side starts with, and
// batch norms left to the rival's own optimiser.
import { join } from 'node:path';
import { initialValues } from '../src/engines/initial.ts';
import { markOutput } from '../src/graph/graph.ts';
import { findNetwork } from '../src/nets/index.ts';
import { buildNetwork } from '../src/nets/network.ts';
import { writeOnnx } from '../src/weights/onnx/index.ts';
import type { Work } from './compete.ts';

/** Writes the network for inference at the work's batch into the folder, and gives the file's path. */
export function exportForRivals({ net, form, batch }: Work, folder: string): string {
  const description = findNetwork(net);
  const network = buildNetwork(description, { form, batch });
  markOutput('logits', network.logits);
  const weights = new Map(
    [...network.graph.states].map(([name, { shape, source }]) => {
      if (source.kind !== 'state') throw new Error(`The state ${name} is a ${source.kind}.`);
      return [name, initialValues(name, shape, source.initial, 1)];
    }),
  );
  const path = join(folder, `${net}.onnx`);
  writeOnnx(path, network.graph, weights, { name: net, documentation: description.paper });
  return path;
}
