// What the verbs of `laurel viz` share: the options that say which network, weights and pictures, and the subject that
// they mean, ready to be looked into. The compute type is f32 unless a verb or the user says otherwise, so that what is
// seen is the network and not the rounding.
import { type Command, Option } from 'commander';
import type { OpenSubject } from '../../explain/subject.ts';
import { addShared, type SharedOptions, sharedOption } from '../options.ts';
import { note } from '../output.ts';
import { addPreparationFlags, type PreparationFlags, preparationRequest } from '../test-options.ts';

export type { OpenSubject } from '../../explain/subject.ts';

export interface SubjectOptions
  extends Pick<
      SharedOptions,
      'json' | 'weights' | 'form' | 'set' | 'classes' | 'data' | 'engine' | 'dtype' | 'threads'
    >,
    PreparationFlags {
  image?: string[];
  input?: string;
}

/** The options that say what to look into; `--layer`, `--out` and the verb's own go beside them, `addJson` last. */
export function addSubjectOptions(command: Command): Command {
  command
    .argument('<net>', 'name of a network (`laurel nets` lists them)')
    .addOption(sharedOption('weights'))
    .addOption(
      new Option('--image <file>', 'a picture file; may be given several times')
        .argParser((file: string, before: string[] = []) => [...before, file])
        .conflicts('input'),
    )
    .option('--input <file>', 'a NumPy file instead: f32, NxCxHxW, already normalised')
    .addOption(preparedAsOption());
  addPreparationFlags(command);
  addShared(command, 'form', 'set', 'classes', 'engine');
  command.addOption(
    sharedOption('dtype', 'f32 (default), bf16 or auto, which takes bf16 where the CPU is built for it'),
  );
  return addShared(command, 'threads');
}

export function preparedAsOption(): Option {
  return sharedOption(
    'data',
    'the data set whose way of preparing pictures holds, if the weights do not say it',
  );
}

export function addLayerOption(command: Command): Command {
  return command.requiredOption('--layer <path>', 'the layer (`laurel summary` lists the paths)');
}

export function addOutOption(command: Command): Command {
  return command.addOption(sharedOption('out', 'the folder for pictures and data').makeOptionMandatory());
}

/** Reads weights and pictures. Throws a UserError: what is missing, damaged, or does not fit the network. */
export async function openSubject(
  name: string,
  options: SubjectOptions,
  defaults: { readonly dtype?: 'auto' | 'f32' | 'bf16' } = {},
): Promise<OpenSubject> {
  const { openSubject: open } = await import('../../explain/subject.ts');
  return open({
    network: name,
    weights: options.weights,
    form: options.form,
    options: options.set,
    classes: options.classes,
    images: options.image,
    input: options.input,
    data: options.data,
    preprocessing: preparationRequest(options),
    engine: options.engine,
    dtype: options.dtype ?? defaults.dtype ?? 'f32',
    threads: options.threads,
    onNote: note,
  });
}
