// Our side of the comparison of loaders: node bench/data-worker.ts PATH BATCH
// A step is one epoch over the pictures at PATH: RandomResizedCrop(224), mirror, normalise. Its answer has two numbers for
// each: milliseconds of the clock, and of all threads together.
import { createInterface } from 'node:readline';
import sharp from 'sharp';
import { openPictures } from '../src/data/pictures/open.ts';
import { createPictureLoader } from '../src/data/pictures/picture-loader.ts';
import type { PictureTransform } from '../src/data/pictures/render/transform.ts';
import { turboJpeg } from '../src/data/pictures/render/turbo-jpeg.ts';

const transform: PictureTransform = {
  size: { height: 224, width: 224 },
  resize: 256,
  interpolation: 'bilinear',
  normalise: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  train: { scale: { kind: 'area', least: 0.08, most: 1, aspect: 4 / 3 }, flip: true },
};

const [path, batch] = process.argv.slice(2) as [string, string];
const index = await openPictures(path, 'train');
if (index === undefined) throw new Error(`${path} holds no pictures`);
const loader = createPictureLoader(index, {
  batch: Number(batch),
  transform,
  seed: 1,
  shuffle: true,
  workers: 2,
  onBadImage: 'fail',
});
let epoch = 0;
const step = async (): Promise<[clock: number, processor: number]> => {
  const before = performance.now();
  const used = process.cpuUsage();
  let pictures = 0;
  for await (const { count } of loader.epoch(epoch++)) pictures += count;
  if (pictures !== index.length) throw new Error(`${pictures} pictures came, expected ${index.length}`);
  const { user, system } = process.cpuUsage(used);
  return [performance.now() - before, (user + system) / 1000];
};
await step();
const library = turboJpeg() === undefined ? `sharp ${sharp.versions.sharp}` : 'libjpeg-turbo';
console.log(JSON.stringify({ library, pictures: index.length }));
for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = [];
  for (let i = 0; i < Number(line); i++) times.push(...(await step()));
  console.log(JSON.stringify(times));
}
await loader.close();
