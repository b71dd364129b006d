// Opens an index in a process of its own, so that its memory can be told: `node index-worker.ts DATA CACHE`. Prints
// one JSON object.

import { epochOrder } from '../src/data/pictures/epoch-order.ts';
import { openPictures } from '../src/data/pictures/open.ts';
import { defaultIndexCache } from '../src/data/pictures/sources/index-file.ts';

const [data = '', folder = ''] = process.argv.slice(2);
const before = process.memoryUsage().rss;
const started = performance.now();
const index = await openPictures(data, 'train', { cache: { ...defaultIndexCache(), folder } });
const seconds = (performance.now() - started) / 1000;
const peak = 1024 * process.resourceUsage().maxRSS;
const held = process.memoryUsage().rss - before;
const all = Uint32Array.from({ length: index?.length ?? 0 }, (_, i) => i);
const orderStarted = performance.now();
if (index !== undefined) epochOrder(index, all, 0, 0);
console.log(
  JSON.stringify({
    pictures: index?.length ?? 0,
    seconds,
    growth: peak - before,
    held,
    orderSeconds: (performance.now() - orderStarted) / 1000,
  }),
);
