// How long a training waits for its pictures: node bench/data-training.ts PATH DTYPE STEPS
// ResNet-18 at 224 px, whole training steps on batches of 32 from the pictures at PATH. Prints one line of JSON.
import { openPictures } from '../src/data/pictures/open.ts';
import { createPictureLoader } from '../src/data/pictures/picture-loader.ts';
import { chooseEngine } from '../src/engines/choose.ts';
import type { ComputeType } from '../src/engines/engine.ts';
import { findNetwork } from '../src/nets/index.ts';
import { compilePrograms } from '../src/train/programs.ts';

const [path, dtype, steps] = process.argv.slice(2) as [string, ComputeType, string];
const batch = 32;
const index = await openPictures(path, 'train');
if (index === undefined) throw new Error(`${path} holds no pictures`);
const loader = createPictureLoader(index, {
  batch,
  transform: {
    size: { height: 224, width: 224 },
    resize: 256,
    interpolation: 'bilinear',
    normalise: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    train: { scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 }, flip: true },
  },
  seed: 1,
  shuffle: true,
  lastBatch: 'drop',
  onBadImage: 'fail',
});
const programs = compilePrograms({
  engine: chooseEngine('onednn').engine,
  dtype,
  seed: 1,
  description: findNetwork('resnet18'),
  build: { form: 'imagenet', batch },
  step: { optimizer: { momentum: 0.9, nesterov: true, weightDecay: 1e-4, decayBiasAndNorm: true } },
});
let [waited, computed, done] = [0, 0, 0];
const batches = loader.epoch(0);
for (let i = 0; i <= Number(steps); i++) {
  const asked = performance.now();
  const { value, done: over } = await batches.next();
  if (over || value === undefined) break;
  const got = performance.now();
  programs.step(value.images, value.labels, 0.01, i);
  // The first step finds no batch ready, and warms up.
  if (i === 0) continue;
  waited += got - asked;
  computed += performance.now() - got;
  done++;
}
await batches.return();
await loader.close();
console.log(JSON.stringify({ steps: done, batch, waitedMs: waited, computedMs: computed }));
