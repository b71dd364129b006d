// The end of a training whose loss is lost: a sentence with the place, the last good checkpoint and the usual cures,
// and a summary.json that says so. Weights of that moment are never written.
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { readMeta, type TrainingPosition } from './checkpoint/save.ts';
import { writeJson } from './run-folder.ts';
import type { Setup } from './setup.ts';

/** The error to throw. `problem` follows "The loss ". */
export function divergence(
  setup: Setup,
  position: TrainingPosition,
  learningRate: number,
  problem: string,
): UserError {
  const { paths, config, ranks } = setup;
  const meta = !ranks.leads ? undefined : readMeta(paths.checkpoints, 'last');
  const left =
    meta === undefined
      ? 'No checkpoint had been written.'
      : `The last good checkpoint, after step ${meta.position.step}, is ${join(paths.checkpoints, 'last.safetensors')}.`;
  const message =
    `The loss ${problem} (epoch ${position.epoch + 1}, step ${position.step + 1}, learning rate ` +
    `${Number(learningRate.toPrecision(3))}). ${left} Try a lower learning rate or a longer warm-up.`;
  if (!ranks.leads) return new UserError(message);
  writeJson(paths.summary, {
    status: 'diverged',
    message,
    network: config.network,
    form: config.form,
    dataset: config.data.name,
    recipe: config.recipe.name,
    epoch: position.epoch + 1,
    step: position.step + 1,
    lastCheckpointStep: meta?.position.step ?? null,
  });
  return new UserError(message);
}
