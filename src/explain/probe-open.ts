// From what a caller names (a network, weights, a data set) to a probe's table and figure.
import { join } from 'node:path';
import type { OpenProgress } from '../data/datasets.ts';
import { UserError } from '../errors.ts';
import { type EngineRequest, resolveEngine } from '../evaluate/engine.ts';
import { openModel, outputsOf } from '../evaluate/model.ts';
import { preprocessingOfFile } from '../evaluate/prepare.ts';
import { writeDrawing } from '../figures/svg.ts';
import { makeFolder, writeFileAtomic } from '../files.ts';
import type { Form, OptionValues } from '../nets/network.ts';
import { writeNpy } from '../weights/npy.ts';
import { type LayerProbe, type ProbeRequest, probe, probeDefaults } from './probe.ts';
import { openProbeData } from './probe-data.ts';
import { pointsOf, rowShape } from './probe-features.ts';
import { drawProbe } from './probe-figure.ts';
import { modelSubject } from './scan.ts';

export interface MakeProbeRequest
  extends EngineRequest,
    Pick<
      ProbeRequest,
      | 'layers'
      | 'epochs'
      | 'batch'
      | 'learningRate'
      | 'weightDecay'
      | 'limit'
      | 'memory'
      | 'seed'
      | 'signal'
      | 'onProgress'
      | 'cache'
    > {
  readonly network: string;
  readonly form?: Form | undefined;
  readonly options?: OptionValues | undefined;
  readonly weights: string;
  /** Default: the set that the weights were trained on. */
  readonly data?: string | undefined;
  readonly labels?: 'fine' | 'coarse' | undefined;
  readonly perClass?: number | undefined;
  readonly out: string;
  readonly onNote?: ((message: string) => void) | undefined;
  readonly onData?: ((progress: OpenProgress) => void) | undefined;
}

export interface ProbeResult {
  readonly net: string;
  readonly form: Form;
  readonly weights: string;
  readonly data: string;
  readonly classes: number;
  readonly pictures: { readonly train: number; readonly test: number };
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly limit: number;
  readonly perClass: number | null;
  readonly seed: number;
  readonly dtype: string;
  readonly engine: string;
  readonly layers: readonly LayerProbe[];
  readonly figure: string;
  /** layers x 4: top-1 and top-5 error on the training pictures, then on the test pictures. */
  readonly table: string;
  readonly json: string;
}

/** Writes `probe.png`, `probe.npy` and `probe.json` into `out`. Throws a UserError for what the caller can mend. */
export async function makeProbe(request: MakeProbeRequest): Promise<ProbeResult> {
  const { network, form, options, weights, out, signal, onNote } = request;
  const settings = {
    ...probeDefaults,
    ...Object.fromEntries(Object.entries(request).filter(([, v]) => v !== undefined)),
  } as typeof probeDefaults & MakeProbeRequest;
  const { epochs, batch, learningRate, weightDecay, limit, seed } = settings;
  const model = openModel({
    network,
    weights,
    ...(form !== undefined && { form }),
    ...(options !== undefined && { options }),
  });
  const asked = request.data ?? model.info?.dataset;
  if (asked === undefined) {
    throw new UserError('No data to probe on. Name a data set or a folder with --data.', { exitCode: 2 });
  }
  for (const note of model.notes) onNote?.(note);
  const preprocessing = preprocessingOfFile(model, { ...(onNote && { onNote }) });
  const subject = modelSubject(model, outputsOf(model) ?? model.formDescription.classes, preprocessing);
  // A slip in a layer's name shall not wait for the data.
  for (const { value } of pointsOf(subject.build(1), request.layers)) rowShape(value, limit);
  makeFolder(out);
  const data = await openProbeData({
    data: asked,
    preprocessing,
    open: {
      ...(request.labels && { labels: request.labels }),
      ...(signal && { signal }),
      ...(request.onData && { onProgress: request.onData }),
    },
    perClass: request.perClass,
    seed,
  });
  const { engine, dtype, notes } = await resolveEngine(request);
  for (const note of notes) onNote?.(note);
  const { train, test, classes } = data;
  const layers = await probe({ ...settings, subject, train, test, classes: classes.length, engine, dtype });
  const paths = {
    figure: join(out, 'probe.png'),
    table: join(out, 'probe.npy'),
    json: join(out, 'probe.json'),
  };
  const number = (value: number): string => value.toLocaleString('en-US');
  const pictures = { train: train.labels.length, test: test.labels.length };
  await writeDrawing(
    paths.figure,
    drawProbe(layers, {
      title: `${network}: what each layer tells of the classes of ${data.name}`,
      subtitle: `a linear classifier on frozen features; ${number(pictures.train)} training and ${number(pictures.test)} test pictures, ${classes.length} classes`,
      footnote:
        `Features standardised; layers of more than ${number(limit)} values averaged over positions. Softmax, SGD with ` +
        `momentum 0.9 (Nesterov), batch ${batch}, ${epochs} epochs, rate ${learningRate} falling to 0 along a cosine, ` +
        `weight decay ${weightDecay}, seed ${seed}. The errors are those after the last epoch.`,
      classes: classes.length,
    }),
  );
  const errors = layers.flatMap(({ train: a, test: b }) => [
    a.top1Error,
    a.top5Error,
    b.top1Error,
    b.top5Error,
  ]);
  writeNpy(paths.table, [layers.length, 4], Float32Array.from(errors));
  const result: ProbeResult = {
    net: network,
    form: model.form,
    weights: model.path,
    data: data.name,
    classes: classes.length,
    pictures,
    epochs,
    batch,
    learningRate,
    weightDecay,
    limit,
    perClass: request.perClass ?? null,
    seed,
    dtype,
    engine: engine.name,
    layers,
    ...paths,
  };
  writeFileAtomic(paths.json, `${JSON.stringify(result, null, 1)}\n`);
  return result;
}
