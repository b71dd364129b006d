// The scans of other layers that lie in the cache already, of the same weights and pictures: their units belong into a
// report although nobody asked for their layers.
import type { ComputeType } from '../engines/engine.ts';
import { findLayer, layerPaths } from '../explain/layer.ts';
import type { LayerScan, Subject } from '../explain/scan.ts';
import { type ScanKey, weightsChecksum } from '../explain/scan-key.ts';
import { loadScan } from '../explain/scan-store.ts';
import { topSize } from '../explain/top-list.ts';

export interface StoredScansRequest {
  readonly folder: string;
  readonly subject: Subject;
  /** `dataChecksum` of the pictures. */
  readonly data: string;
  readonly pictures: number;
  readonly dtype: ComputeType;
  /** Layers that are known already. */
  readonly except: readonly string[];
}

/** Complete scans only, in the order of the graph; files that do not fit are passed over. */
export function storedScans(request: StoredScansRequest): LayerScan[] {
  const { folder, subject, data, pictures, dtype, except } = request;
  const network = subject.build(1);
  const { name, form, options } = network;
  const common: Omit<ScanKey, 'layer'> = {
    network: name,
    form,
    options,
    weights: weightsChecksum(subject.tensors),
    data,
    preprocessing: subject.preprocessing,
    dtype,
    size: topSize,
  };
  return layerPaths(network)
    .filter((path) => !except.includes(path))
    .flatMap((path) => {
      const { units, height, width } = findLayer(network, path);
      const stored = loadScan(folder, { ...common, layer: path }, units);
      if (stored === undefined || stored.done < pictures) return [];
      return [{ layer: path, units, height, width, pictures, top: stored.top }];
    });
}
