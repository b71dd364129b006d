// A network with its weights as an ONNX file, which says in its metadata what a weights file of Laurel says in its
// own: network, form, classes, and how pictures are prepared.
import { UserError } from '../errors.ts';
import { markOutput } from '../graph/graph.ts';
import { softmax } from '../graph/ops/index.ts';
import { type Folded, foldBatchNorm } from '../graph/rewrite/fold-batch-norm.ts';
import { buildNetwork, type Network } from '../nets/network.ts';
import { type OnnxPreprocessing, opsetVersion, type Port, writeOnnx } from '../weights/onnx/index.ts';
import { type Expectations, expectations } from './classify.ts';
import { inferenceGraph } from './inference.ts';
import {
  buildModel,
  classNamesOf,
  type Model,
  type ModelRequest,
  openModel,
  outputsOf,
  weightsFor,
} from './model.ts';
import { encodeModelInfo, type Preprocessing, unitNormalisation } from './preprocessing.ts';

export interface ExportOptions extends ModelRequest {
  /** The file to write. */
  readonly out: string;
  /** Pictures per run, or `dynamic`: each run chooses. Default 1. */
  readonly batch?: number | 'dynamic';
  /** Default false. */
  readonly foldBatchNorm?: boolean;
  /** Give `probabilities` instead of `logits`; default false. */
  readonly softmax?: boolean;
  /** Take uint8 pixels, NxHxWxC in RGB, already cropped; gives `probabilities`. Default false. */
  readonly withPreprocessing?: boolean;
  /** Size of the network's input, px; default: what the weights were trained on, else the form's. */
  readonly height?: number;
  readonly width?: number;
  /** A known data set whose classes and normalisation hold, for weights files that do not say it themselves. */
  readonly data?: string;
  readonly onNote?: (message: string) => void;
}

export interface ExportResult {
  readonly net: string;
  readonly form: string;
  readonly out: string;
  readonly bytes: number;
  readonly opset: number;
  readonly input: Port;
  readonly output: Port;
  readonly foldedBatchNorms: number;
}

/**
 * Writes the file. Throws a UserError: the weights do not fit, they do not say how pictures are prepared and that is
 * wanted, an op has no counterpart in ONNX, or the file would be larger than ONNX's 2 GiB.
 */
export function exportOnnx(options: ExportOptions): ExportResult {
  const { batch = 1, withPreprocessing = false, out } = options;
  const model = openModel(options);
  for (const sentence of model.notes) options.onNote?.(sentence);
  const known = whatIsKnown(model, options);
  const network = networkFor(model, known, options);
  const asProbabilities = withPreprocessing || options.softmax === true;
  if (asProbabilities) markOutput('probabilities', softmax(network.logits));
  else markOutput('logits', network.logits);
  const { graph, weights, folded } = numbersFor(model, network, options.foldBatchNorm === true);
  const { byteLength, inputs, outputs } = writeOnnx(out, graph, weights, {
    name: network.name,
    documentation: model.description.paper,
    dynamicBatch: batch === 'dynamic',
    preprocessing: withPreprocessing && known ? inTheGraph(known.preprocessing) : undefined,
    metadata: metadataOf(model, network, options, known),
  });
  return {
    net: network.name,
    form: network.form,
    out,
    bytes: byteLength,
    opset: opsetVersion,
    input: inputs[0] as Port,
    output: outputs[0] as Port,
    foldedBatchNorms: folded,
  };
}

/** The graph and its numbers; quantised weights are of a graph without batch norms. */
function numbersFor(model: Model, network: Network, fold: boolean): Folded {
  if (model.quantisation === undefined) {
    const weights = weightsFor(model, network);
    return fold ? foldBatchNorm(network.graph, weights) : { graph: network.graph, weights, folded: 0 };
  }
  const { graph, weights, folded } = inferenceGraph(model, network);
  return {
    graph,
    folded,
    weights: new Map([...graph.states.keys()].map((name) => [name, weights.read(name)])),
  };
}

/** Classes and preparation for the wanted size; undefined where nobody says it and nothing needs it. */
function whatIsKnown(model: Model, options: ExportOptions): Expectations | undefined {
  const { data, withPreprocessing, onNote } = options;
  const someoneSays = model.info !== undefined || data !== undefined || classNamesOf(model) !== undefined;
  if (!someoneSays && !withPreprocessing) return undefined;
  const { classes, preprocessing } = expectations(model, { data, onNote });
  const border = 2 * preprocessing.pad;
  const { height = preprocessing.height + border, width = preprocessing.width + border } = options;
  const crop = { height: height - border, width: width - border };
  if (crop.height < 1 || crop.width < 1) {
    throw new UserError(
      `Pictures of ${height}x${width} are too small: ${border} pixels of them are the border that the weights want.`,
      { exitCode: 2 },
    );
  }
  const { resize, ...rest } = preprocessing;
  const fits = resize !== undefined && resize >= Math.min(crop.height, crop.width);
  return { classes, preprocessing: { ...rest, ...crop, ...(fits && { resize }) } };
}

function networkFor(model: Model, known: Expectations | undefined, options: ExportOptions): Network {
  const { description, form, options: own } = model;
  const batch = typeof options.batch === 'number' ? options.batch : 1;
  if (known !== undefined) return buildModel(model, known.classes.length, known.preprocessing, batch);
  const { height, width } = options;
  return buildNetwork(description, { form, classes: outputsOf(model), height, width, batch, options: own });
}

function inTheGraph(preprocessing: Preprocessing): OnnxPreprocessing {
  const { pad, order } = preprocessing;
  return { pad, ...unitNormalisation(preprocessing), reverseChannels: order === 'BGR' };
}

/** What `laurel classify` needs to know of the file, and what goes in and comes out. */
function metadataOf(
  model: Model,
  { name, form }: Network,
  { data, withPreprocessing, softmax: asProbabilities }: ExportOptions,
  known: Expectations | undefined,
): Record<string, string> {
  const ports = {
    input: withPreprocessing ? 'pixels' : 'normalised',
    output: withPreprocessing || asProbabilities ? 'probabilities' : 'logits',
  };
  const { options } = model;
  if (known === undefined) {
    return { format: 'laurel', network: name, form, options: JSON.stringify(options), ...ports };
  }
  const dataset = model.info?.dataset ?? data ?? 'imagenet';
  return { ...encodeModelInfo({ network: name, form, dataset, options, ...known }), ...ports };
}
