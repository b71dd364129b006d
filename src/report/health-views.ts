// Dead maps of the scanned layers, on the way into the site.
import { layerHealth } from '../explain/health.ts';
import type { LayerScan } from '../explain/scan.ts';
import { fileNameOf } from '../explain/top-sheet.ts';
import type { Site } from './site.ts';

/** Puts `health`: for each layer the share of pictures that wake a map, from the sleepiest to the one always awake. */
export function putHealth(site: Site, scans: readonly LayerScan[]): void {
  const layers = scans.map((scan) => {
    const { layer, units, pictures, dead, always, awake, strongest } = layerHealth(scan);
    const npy = site.array(
      `health/${fileNameOf(layer)}`,
      [2, units],
      Float32Array.of(...awake, ...strongest),
    );
    const sorted = Array.from(awake.toSorted(), (share) => Number(share.toFixed(4)));
    return { layer, units, pictures, dead, always, awake: sorted, npy };
  });
  site.put('health', { layers });
}
