// What each layer tells of the classes (table 7), on the way into the site: the result of `laurel probe` is read back.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { describeRow } from '../explain/probe-figure.ts';
import type { ProbeResult } from '../explain/probe-open.ts';
import { reason } from '../files.ts';
import type { Network } from '../nets/network.ts';
import type { Site } from './site.ts';

/** A folder of `laurel probe`. Throws a UserError where it is none, or of another network. */
export function readProbe(folder: string, network: Network): ProbeResult {
  const path = join(folder, 'probe.json');
  if (!existsSync(path)) {
    throw new UserError(
      `${folder} holds no probe (probe.json). Make one with \`laurel probe ${network.name}\`.`,
      { exitCode: 2 },
    );
  }
  let result: ProbeResult;
  try {
    result = JSON.parse(readFileSync(path, 'utf8')) as ProbeResult;
  } catch (error) {
    throw new UserError(`Cannot read the probe ${path}: ${reason(error)}`, { cause: error });
  }
  if (result.net !== network.name || result.form !== network.form) {
    throw new UserError(
      `${path} is a probe of ${result.net}, form ${result.form}, expected ${network.name}, form ${network.form}.`,
      { exitCode: 2 },
    );
  }
  return result;
}

/** Puts `probe`. */
export function putProbe(site: Site, result: ProbeResult): void {
  const { data, classes, pictures, epochs, seed, weights } = result;
  const errors = result.layers.flatMap(({ train, test }) => [
    train.top1Error,
    train.top5Error,
    test.top1Error,
    test.top5Error,
  ]);
  site.put('probe', {
    data,
    classes,
    pictures,
    epochs,
    seed,
    weights,
    layers: result.layers.map(({ layer, shape, row, train, test }) => ({
      layer,
      features: describeRow({ shape, row }),
      train,
      test,
    })),
    npy: site.array('probe', [result.layers.length, 4], Float32Array.from(errors)),
  });
}
