// From what a caller names (network, weights, data set) to what a scan needs. Pictures are prepared as `laurel eval`
// does with one view per picture, so that a unit's strongest picture is what the network saw in its test.
import type { Split } from '../data/dataset.ts';
import type { OpenOptions, OpenProgress } from '../data/datasets.ts';
import { UserError } from '../errors.ts';
import { type ChosenEngine, type EngineRequest, resolveEngine } from '../evaluate/engine.ts';
import { type Model, type ModelRequest, openModel } from '../evaluate/model.ts';
import { type PrepareRequest, prepareMember, preprocessingFor } from '../evaluate/prepare.ts';
import type { Preprocessing } from '../evaluate/preprocessing.ts';
import { openTestData, requestOfRun, type TestData } from '../evaluate/test-data.ts';
import { modelSubject, type Subject } from './scan.ts';
import { dataChecksum } from './scan-key.ts';

export interface OpenScanRequest extends ModelRequest, EngineRequest, PrepareRequest {
  /** A known data set's name or a folder; default: the set that the weights were trained on. */
  readonly data?: string;
  readonly labels?: 'fine' | 'coarse';
  /** Default 'test'. */
  readonly split?: Split;
  readonly signal?: AbortSignal;
  readonly onData?: (progress: OpenProgress) => void;
}

export interface OpenedScan extends ChosenEngine {
  readonly model: Model;
  readonly data: TestData;
  readonly subject: Subject;
  readonly preprocessing: Preprocessing;
  /** `dataChecksum` of the pictures. */
  readonly checksum: string;
  /** The class of each picture. */
  readonly labels: readonly string[];
}

/** Throws a UserError where weights, network and data do not fit each other, or there are none. */
export async function openScan(request: OpenScanRequest): Promise<OpenedScan> {
  const { split = 'test', signal } = request;
  const model = openModel(request);
  const name = request.data ?? requestOfRun(request.weights) ?? model.info?.dataset;
  if (name === undefined) {
    throw new UserError('No pictures to go through. Name a data set or a folder with --data.', {
      exitCode: 2,
    });
  }
  for (const note of model.notes) request.onNote?.(note);
  const open: OpenOptions = {
    labels: request.labels,
    signal,
    onNote: request.onNote,
    onProgress: request.onData,
  };
  const data = await openTestData(name, split, model, open);
  const base = await preprocessingFor(model, data, { request: name, open, prepare: request });
  const { preprocessing } = prepareMember(model, base, data.classes.length, request);
  const chosen = await resolveEngine(request);
  for (const note of chosen.notes) request.onNote?.(note);
  return {
    ...chosen,
    model,
    data,
    subject: modelSubject(model, data.classes.length, preprocessing),
    preprocessing,
    checksum: dataChecksum(data.source, data.dataset),
    labels: Array.from(data.labels, (label) => data.classes[label] as string),
  };
}
