// Tests stand beside their file (`src/**/x.test.ts`); end-to-end tests stand in `test/`. Those named
// `x.slow.test.ts` run with `npm run test:slow` alone.
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  test: {
    include: [
      mode === 'slow' ? '{src,test,bench,tools}/**/*.slow.test.ts' : '{src,test,bench,tools}/**/*.test.ts',
    ],
    exclude: mode === 'slow' ? [] : ['**/*.slow.test.ts'],
    testTimeout: mode === 'slow' ? 30 * 60_000 : 60_000,
    hookTimeout: 120_000,
    // Idle threads of the native library sleep, so that test files that run side by side do not starve each other.
    env: { OMP_WAIT_POLICY: 'passive' },
  },
}));
