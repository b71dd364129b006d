// Where the trained GoogLeNet and the pictures for it lie, for the tests that need them; elsewhere they are skipped.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const place = (name: string): string => fileURLToPath(new URL(`../../shared/data/${name}`, import.meta.url));

export const weights = place('googlenet-bvlc.safetensors');
export const samples = place('imagenet-samples');
export const photo = (name: string): string => place(`photos/${name}`);
export const absent = ![weights, samples, photo('chelsea.png')].every(existsSync);
