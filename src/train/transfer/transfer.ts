// Training that starts from other weights: the whole of a network with another head, or the layers that a network of
// another depth has in common with ours; and which layers learn how fast. Opened before the data, so that a wrong
// file or a slip in a layer's name does not wait for them; settled when the number of classes is known.
import { resolve } from 'node:path';
import { knownDataset } from '../../data/known.ts';
import { splitRequest } from '../../data/subset.ts';
import { UserError } from '../../errors.ts';
import { type Model, openModel, outputsOf, weightsFor } from '../../evaluate/model.ts';
import { applyOverrides, type PreprocessingOverrides } from '../../evaluate/overrides.ts';
import { preprocessingOfFile } from '../../evaluate/prepare.ts';
import type { Preprocessing } from '../../evaluate/preprocessing.ts';
import {
  type BuildOptions,
  buildNetwork,
  type Form,
  type Network,
  type NetworkDescription,
  type OptionValues,
} from '../../nets/network.ts';
import { largestInMemory } from '../picture-data.ts';
import type { RunConfig } from '../run-folder.ts';
import type { ParameterGroup } from '../step.ts';
import type { TransferConfig, TransferRequest } from './config.ts';
import { copyByDepth, vggShare } from './depth.ts';
import { frozenNames, rateGroups } from './layers.ts';
import { checkClasses, checkRequest, compareTransfer } from './request.ts';
import { checksumOf, runPreprocessing, takeWeights } from './weights.ts';

export interface Transfer {
  /** What the weights say of their network. */
  readonly form?: Form | undefined;
  readonly options?: OptionValues | undefined;
  /** How the weights want pictures; undefined: as the data set has them. */
  readonly preprocessing?: Preprocessing | undefined;
  /** `build` makes our network with the data's classes, in training form or not. */
  settle(build: (training: boolean) => Network, classes: readonly string[]): SettledTransfer;
}

export interface SettledTransfer {
  /** Undefined where there was only something to check. */
  readonly config: TransferConfig | undefined;
  readonly groups: readonly ParameterGroup[];
  /** The numbers that weights start from; those that are not among them start as the recipe says. */
  start(): ReadonlyMap<string, Float32Array>;
  /** A sentence each. */
  readonly notes: readonly string[];
}

export interface TransferQuestion {
  readonly request: TransferRequest | undefined;
  /** The run that is taken up again. */
  readonly stored: RunConfig | undefined;
  readonly out: string;
  readonly description: NetworkDescription;
  readonly form: Form | undefined;
  readonly options: OptionValues | undefined;
  /** The data set that is asked for. */
  readonly data: string;
  readonly onNote: (message: string) => void;
}

/** Undefined where nothing is taken over, frozen or slowed. Throws a UserError for what cannot be. */
export function openTransfer(question: TransferQuestion): Transfer | undefined {
  const { stored, request = {}, out } = question;
  if (stored !== undefined) {
    compareTransfer(stored.transfer, request, out);
    return stored.transfer && resumeTransfer(stored, stored.transfer);
  }
  checkRequest(request);
  const { classes, ...asked } = request;
  if (Object.values(asked).every((value) => value === undefined || value === false)) {
    return classes === undefined ? undefined : { settle: (_, names) => nothing(classes, names) };
  }
  const rates = rateConfig(request);
  if (request.weights !== undefined) return fromWeights(question, request.weights, rates);
  if (request.startFrom !== undefined) return fromDepth(question, request.startFrom, rates);
  const check = (training: Network): readonly ParameterGroup[] => rateGroups(training, rates);
  check(buildNetwork(question.description, { ...builtAs(question), training: true }));
  return {
    settle: (build, names) => {
      checkClasses(classes, names);
      return { config: rates, groups: check(build(true)), start: () => new Map(), notes: [] };
    },
  };
}

function nothing(classes: number, names: readonly string[]): SettledTransfer {
  checkClasses(classes, names);
  return { config: undefined, groups: [], start: () => new Map(), notes: [] };
}

function fromWeights(question: TransferQuestion, path: string, rates: TransferConfig): Transfer {
  const { description, request = {}, onNote, data } = question;
  const { newHead = false } = request;
  const model = openModel({
    network: description.name,
    weights: path,
    training: true,
    ...(question.form !== undefined && { form: question.form }),
    ...(question.options !== undefined && { options: question.options }),
  });
  for (const note of model.notes) onNote(note);
  const { form, options } = model;
  const wanted = preprocessingOf(model, data, request.preparation, onNote);
  const preprocessing = wanted && runPreprocessing(wanted);
  const order = wanted?.order;
  // What was only supposed has been said already.
  const known = model.info !== undefined || request.preparation !== undefined;
  const settle = (network: Network) => {
    const taken = takeWeights(model, network, newHead, { frozen: frozenNames(network, rates), order });
    return { ...taken, groups: rateGroups(network, rates, taken.drawn) };
  };
  // For the file's own pictures and classes, so that what does not fit is said before any picture is read.
  settle(buildNetwork(description, { ...ownBuild(model), training: true }));
  return {
    form,
    options,
    preprocessing,
    settle: (build, names) => {
      checkClasses(request.classes, names);
      const { values, drawn, groups, notes, ...taken } = settle(build(true));
      const checksum = checksumOf(values);
      return {
        config: {
          weights: {
            path: resolve(path),
            checksum,
            newHead,
            drawn,
            ...(request.preparation && { preparation: request.preparation }),
            ...(order === 'BGR' && { order }),
          },
          ...rates,
        },
        groups,
        start: () => values,
        notes: [
          ...notes,
          ...(taken.newHead ? [] : classNotes(model, names)),
          ...(preprocessing && known ? [preparationNote(preprocessing)] : []),
        ],
      };
    },
  };
}

function fromDepth(question: TransferQuestion, asked: string, rates: TransferConfig): Transfer {
  const { description, request = {} } = question;
  const opened = openShallow(asked);
  for (const note of opened.model.notes) question.onNote(note);
  rateGroups(buildNetwork(description, { ...builtAs(question), training: true }), rates);
  return {
    settle: (build, names) => {
      checkClasses(request.classes, names);
      const share = request.share ?? vggShare;
      const { values, copied, left } = copyByDepth(opened.network, opened.weights, build(false), share);
      const { path, description: theirs } = opened.model;
      if (copied.length === 0) {
        throw new UserError(
          `No layer of ${theirs.name} in ${path} has the kind and shape of one of ${description.name}. ` +
            'Choose a network of the same family.',
          { exitCode: 2 },
        );
      }
      const pairs = copied.map(([from, to]) => (from === to ? to : `${from} to ${to}`)).join(', ');
      const without = left.length === 0 ? '' : ` Without a counterpart: ${left.join(', ')}.`;
      const checksum = checksumOf(values);
      return {
        config: {
          startFrom: { request: asked, network: theirs.name, path: resolve(path), checksum, share, copied },
          ...rates,
        },
        groups: rateGroups(build(true), rates),
        start: () => values,
        notes: [`Copied from ${theirs.name}: ${pairs}.${without}`],
      };
    },
  };
}

/** `vgg11=weights.pth`, or a file that says which network it belongs to. */
function openShallow(asked: string): { model: Model; network: Network; weights: Map<string, Float32Array> } {
  const [, network, path] = /^([\w-]+)=(.+)$/s.exec(asked) ?? [];
  const model = openModel(
    network !== undefined && path !== undefined ? { network, weights: path } : { weights: asked },
  );
  const theirs = buildNetwork(model.description, ownBuild(model));
  return { model, network: theirs, weights: weightsFor(model, theirs) };
}

/** The file's network for the pictures and classes that it was trained on, as far as the file says them. */
function ownBuild(model: Model): BuildOptions {
  const { form, options, info } = model;
  const classes = outputsOf(model);
  const size = info && {
    channels: info.preprocessing.channels,
    height: info.preprocessing.height + 2 * info.preprocessing.pad,
    width: info.preprocessing.width + 2 * info.preprocessing.pad,
  };
  return { form, options, ...size, ...(classes !== undefined && { classes }) };
}

/** A stored run: its config says all but the numbers, which are read only where no checkpoint has them. */
function resumeTransfer(stored: RunConfig, config: TransferConfig): Transfer {
  const { weights, startFrom } = config;
  return {
    ...(weights && { preprocessing: stored.preprocessing }),
    settle: (build) => ({
      config,
      groups: rateGroups(build(true), config, weights?.drawn),
      notes: [],
      start: () => {
        const source = weights ?? startFrom;
        if (source === undefined) return new Map();
        const values = weights ? reread(stored, weights, build(true)) : recopy(startFrom, build(false));
        if (checksumOf(values) === source.checksum) return values;
        throw new UserError(
          `${source.path} is not the file that the run was started from: its weights differ. Put the first one ` +
            'back, or start another run with another --out.',
        );
      },
    }),
  };
}

function reread(
  { network, form, options }: RunConfig,
  { path, newHead, order }: NonNullable<TransferConfig['weights']>,
  ours: Network,
): ReadonlyMap<string, Float32Array> {
  const model = openModel({ network, form, weights: path, training: true, ...(options && { options }) });
  return takeWeights(model, ours, newHead, { order }).values;
}

function recopy(source: TransferConfig['startFrom'], ours: Network): ReadonlyMap<string, Float32Array> {
  if (source === undefined) return new Map();
  const { network, weights } = openShallow(`${source.network}=${source.path}`);
  return copyByDepth(network, weights, ours, source.share).values;
}

/**
 * As the file and the caller say; large pictures, where neither does, as ImageNet's weights want them. Undefined: as
 * the data set has them.
 */
function preprocessingOf(
  model: Model,
  data: string,
  asked: PreprocessingOverrides | undefined,
  onNote: (message: string) => void,
): Preprocessing | undefined {
  const { height, width } = model.formDescription;
  const isLarge =
    Math.max(height, width) > largestInMemory && knownDataset(splitRequest(data).name) === undefined;
  if (model.info === undefined && asked === undefined && !isLarge) return undefined;
  const own = preprocessingOfFile(model, { onNote, ...(asked && { preprocessing: asked }) });
  return applyOverrides(own, asked);
}

function builtAs({ form, options }: TransferQuestion): { form?: Form; options?: OptionValues } {
  return { ...(form !== undefined && { form }), ...(options !== undefined && { options }) };
}

function rateConfig({ freeze, freezeUntil, trainOnly, rates }: TransferRequest): TransferConfig {
  return {
    ...(freeze && { freeze }),
    ...(freezeUntil !== undefined && { freezeUntil }),
    ...(trainOnly && { trainOnly }),
    ...(rates && { rates }),
  };
}

function classNotes(model: Model, names: readonly string[]): string[] {
  const theirs = model.info?.classes;
  if (theirs === undefined || theirs.length !== names.length) return [];
  if (theirs.every((name, i) => name === names[i])) return [];
  return [
    `The weights tell ${theirs.length} classes of other names apart (${theirs.slice(0, 2).join(', ')}, ...); their ` +
      'head is kept. --new-head draws it afresh.',
  ];
}

function preparationNote(preprocessing: Preprocessing): string {
  const { height, width, resize, range = 1, normalise } = preprocessing;
  const short = (values: readonly number[]): string =>
    values.map((value) => +value.toPrecision(4)).join(', ');
  const crop =
    resize === undefined ? `${height}x${width}` : `short side ${resize}, centre ${height}x${width}`;
  return (
    `Pictures are prepared as the weights want them: ${crop}, 0..${range}, mean ${short(normalise.mean)}, ` +
    `std ${short(normalise.std)}.`
  );
}
