// A network with its weights for eight bits: batch norms folded, the weights of its layers as whole numbers with a scale
// for each output channel, and scales for the values between them, which are found by showing it pictures. No training,
// no labels: post-training quantisation (Krishnamoorthi 2018, section 3.1).
import { statSync } from 'node:fs';
import type { OpenProgress } from '../data/datasets.ts';
import { UserError } from '../errors.ts';
import { type EngineRequest, resolveEngine } from '../evaluate/engine.ts';
import { inferenceGraph } from '../evaluate/inference.ts';
import { buildModel, type ModelRequest, openModel } from '../evaluate/model.ts';
import { type PrepareRequest, prepareMember, preprocessingFor } from '../evaluate/prepare.ts';
import { encodeModelInfo } from '../evaluate/preprocessing.ts';
import { openTestData, requestOfRun } from '../evaluate/test-data.ts';
import { markOutput } from '../graph/graph.ts';
import { planQuantisation, weightRange } from '../graph/rewrite/quantise.ts';
import { encodeQuantised, quantisationKey } from '../weights/quantised-file.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import type { Tensor } from '../weights/tensor-file.ts';
import { calibrate, markSites } from './calibrate.ts';
import { codeWeights } from './weights.ts';

export interface QuantiseOptions extends ModelRequest, EngineRequest, Pick<PrepareRequest, 'preprocessing'> {
  /** A known data set's name or a folder; default: what the weights were trained on. */
  readonly data?: string | undefined;
  readonly split?: 'train' | 'test' | undefined;
  /** Pictures to find the ranges with, spread evenly over the data; default 128. */
  readonly pictures?: number | undefined;
  /** The safetensors file to write. */
  readonly out: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly onData?: ((progress: OpenProgress) => void) | undefined;
}

export interface QuantiseResult {
  readonly net: string;
  readonly form: string;
  readonly out: string;
  readonly bytes: number;
  /** Layers that multiply whole numbers, and all layers. */
  readonly quantisedLayers: number;
  readonly layers: number;
  /** Scales between layers. */
  readonly scales: number;
  readonly foldedBatchNorms: number;
  readonly pictures: number;
  readonly data: string;
}

const defaultPictures = 128;
const batch = 8;

/**
 * Writes the file, which `evaluate`, `classify` and `exportOnnx` take like any other. Throws a UserError where weights,
 * network and data do not fit each other, or no layer of the network can be quantised.
 */
export async function quantise(options: QuantiseOptions): Promise<QuantiseResult> {
  const { split = 'test', signal, out } = options;
  const model = openModel(options);
  if (model.quantisation !== undefined) throw new UserError(`${model.path} is quantised already.`);
  for (const note of model.notes) options.onNote?.(note);
  const request = options.data ?? requestOfRun(options.weights) ?? model.info?.dataset;
  if (request === undefined) {
    throw new UserError('No pictures to find ranges with. Name a data set or a folder with --data.', {
      exitCode: 2,
    });
  }
  const open = { signal, onNote: options.onNote, onProgress: options.onData };
  const data = await openTestData(request, split, model, open);
  const prepare = { preprocessing: options.preprocessing, onNote: options.onNote };
  const base = await preprocessingFor(model, data, { request, open, prepare });
  const member = prepareMember(model, base, data.classes.length, prepare);
  const network = buildModel(model, member.classes, member.preprocessing, batch);
  markOutput('logits', network.logits);
  const { graph, weights, folded } = inferenceGraph(model, network);
  const plan = planQuantisation(graph);
  if (plan.layers.size === 0) {
    throw new UserError(
      `${network.name} has no layer to quantise: layers need an input that cannot be negative, as behind a ReLU.`,
    );
  }
  const { engine } = await resolveEngine({ ...options, dtype: 'f32' });
  const pictures = Math.min(options.pictures ?? defaultPictures, data.source.length);
  const indices = Array.from({ length: pictures }, (_, i) => Math.floor((i * data.source.length) / pictures));
  markSites(plan);
  const program = engine.compile(graph, { dtype: 'f32', weights: { read: weights.read } });
  let sites: Map<string, number>;
  try {
    const { source } = data;
    const { onProgress } = options;
    sites = await calibrate({ program, plan, member, source, indices, batch, signal, onProgress });
  } finally {
    program.dispose();
  }

  const layers = new Map(
    [...plan.layers].map(([name, { inputs }]) => {
      const shape = inputs[1]?.shape as readonly number[];
      return [name, codeWeights(weights.read(`${name}.weight`), shape)] as const;
    }),
  );
  const others = new Map<string, Tensor>();
  for (const [name, { shape }] of graph.states) {
    if (!layers.has(name.replace(/\.weight$/, ''))) others.set(name, { shape, data: weights.read(name) });
  }
  const info = {
    network: network.name,
    form: network.form,
    dataset: model.info?.dataset ?? data.name,
    classes: data.classes,
    preprocessing: member.preprocessing,
    options: model.options,
  };
  const how = { weights: weightRange, values: 'u8', method: 'mse', pictures, data: data.name, split };
  writeSafetensors(out, encodeQuantised(layers, others, sites), {
    ...encodeModelInfo(info),
    [quantisationKey]: JSON.stringify(how),
  });
  const isLayer = ({ op }: { op: { name: string } }): boolean =>
    op.name === 'convolution' || op.name === 'linear';
  return {
    net: network.name,
    form: network.form,
    out,
    bytes: statSync(out).size,
    quantisedLayers: layers.size,
    layers: graph.nodes.filter(isLayer).length,
    scales: sites.size,
    foldedBatchNorms: folded,
    pictures,
    data: data.name,
  };
}
