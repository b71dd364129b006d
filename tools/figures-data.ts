// What some figures need that is not part of the checkout.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const shared = join(root, '../shared/data');
/** Of GoogLeNet, as Caffe's authors published them. */
export const weights = join(shared, 'googlenet-bvlc.safetensors');
