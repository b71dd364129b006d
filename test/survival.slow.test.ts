// A hundred kills, as `survival.test.ts` has eight: npx vitest run --mode slow test/survival (about four minutes).
import { expect, it } from 'vitest';
import { killAtRandom, smallTraining } from './survival.ts';

it('a hundred kills at random moments lose no checkpoint and change no bit', async () => {
  const report = await killAtRandom(100, 2, smallTraining({ epochs: 20 }));
  console.log(JSON.stringify(report));
  expect(report.kills).toBe(100);
  expect(report.insideWrite).toBeGreaterThan(10);
  expect(report.atStart).toBeGreaterThan(0);
});
