// Watching a training: at chosen epochs the weights are kept in the run folder, and at its end the features of the
// chosen layers are followed through them (figure 4 of the ZFNet paper). Training itself is not touched by it.
import { join } from 'node:path';
import { inMemory, sourceOf } from '../evaluate/index-source.ts';
import { picturesOf } from '../evaluate/pictures.ts';
import { evolutionFolder, listSnapshots, saveSnapshot } from '../explain/evolution-snapshots.ts';
import type { Setup } from './setup.ts';

/** Keeps the weights where this epoch is one to keep. */
export function keepWatched({ config, recipe, out, programs, metadata }: Setup, epoch: number): void {
  const { watch } = config;
  if (watch === undefined || !(watch.epochs.includes(epoch) || epoch === recipe.epochs)) return;
  saveSnapshot(evolutionFolder(out), epoch, programs.tensors('weights'), metadata);
}

/** Draws the watched layers of a finished training; a stop on the way is told, and loses nothing of the training. */
export async function drawWatched(setup: Setup, epochs: number): Promise<void> {
  const { config, out, data, engine, emit, options } = setup;
  const { watch, network } = config;
  if (watch === undefined) return;
  const folder = evolutionFolder(out);
  const kept = listSnapshots(folder).filter(({ epoch }) => epoch <= epochs);
  const { drawEvolution } = await import('../explain/evolution-open.ts');
  const { trainSet } = data;
  const indices = config.smoke ? data.train : picturesOf(trainSet, 'train');
  try {
    const records = await drawEvolution({
      network,
      files: kept.map(({ path }) => path),
      layers: watch.layers,
      seed: config.seed,
      pictures: {
        name: trainSet.name,
        source: sourceOf(trainSet, indices),
        dataset: inMemory(trainSet) ? trainSet : undefined,
        labels: Array.from(indices, (index) => trainSet.classes[trainSet.labels[index] as number] as string),
        classes: trainSet.classes.length,
      },
      split: 'train',
      preprocessing: config.preprocessing,
      engine,
      dtype: config.dtype,
      out: folder,
      cache: join(folder, 'scans'),
      signal: options.signal,
      onProgress: (done, total) => emit({ type: 'watch', done, total }),
      onNote: (message) => emit({ type: 'note', message }),
    });
    const drawn = records.map(({ figure }) => figure).join(', ');
    emit({ type: 'note', message: `How the watched maps came to be: ${drawn}` });
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    const message = `The evolution is not drawn. It can be made with: laurel viz evolution ${network} --runs ${out} --seed ${config.seed} --out ${folder}`;
    emit({ type: 'note', message });
  }
}
