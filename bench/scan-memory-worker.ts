// One scan in a process of its own, whose largest memory is asked of the system at the end: `node scan-memory-worker.ts
// WEIGHTS DATA LAYER PICTURES`. The pictures of the data set are gone through as often as it takes to have so many.
import { scanLayers } from '../src/explain/scan.ts';
import { openScan } from '../src/explain/scan-open.ts';

const [weights = '', data = '', layer = '', pictures = ''] = process.argv.slice(2);
const {
  subject,
  data: test,
  checksum,
  engine,
  dtype,
} = await openScan({ network: 'googlenet', weights, data });
const { source } = test;
const own = (index: number): number => index % source.length;
const [scan] = await scanLayers({
  subject,
  source: {
    length: Number(pictures),
    name: (index) => source.name(own(index)),
    size: (index) => source.size(own(index)),
    raster: (index, ...rest) => source.raster(own(index), ...rest),
  },
  data: checksum,
  layers: [layer],
  engine,
  dtype,
});
const { maxRSS } = process.resourceUsage();
console.log(JSON.stringify({ pictures: scan?.pictures, peakMiB: maxRSS / 1024 }));
