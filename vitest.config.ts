// Tests stand beside their file (`src/**/x.test.ts`); end-to-end tests stand in `test/`. Those named
// `x.slow.test.ts` run with `npm run test:slow` alone. `npm run test:torch` runs those that hold results against
// PyTorch's, and `x.torch.test.ts`, which let PyTorch compute them again.
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const included: Readonly<Record<string, string[]>> = {
  slow: ['{src,test,bench,tools}/**/*.slow.test.ts'],
  torch: [
    'test/{torchvision,senet,torch-losses,deconv-googlenet}*.test.ts',
    '{src,test,bench,tools}/**/*.torch.test.ts',
  ],
};

/** Where nothing is known of durations, large files come first. This one is small and long: last, it would run by itself. */
const longest = 'src/weights/onnx/networks.test.ts';

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith(longest);
    return (await super.sort(files)).sort((a, b) => Number(isLongest(b)) - Number(isLongest(a)));
  }
}

export default defineConfig(({ mode }) => ({
  test: {
    include: included[mode] ?? ['{src,test,bench,tools}/**/*.test.ts'],
    exclude: mode in included ? [] : ['**/*.slow.test.ts', '**/*.torch.test.ts'],
    testTimeout: mode in included ? 30 * 60_000 : 60_000,
    hookTimeout: 120_000,
    sequence: { sequencer: LongestFirst },
    // Slow checks and PyTorch want the machine; the others often wait for disks and processes.
    maxWorkers: mode in included ? 1 : availableParallelism(),
    // Idle threads of the native library sleep, so that test files that run side by side do not starve each other.
    // Processes that tests start keep what they have compiled, as the command itself does.
    env: { OMP_WAIT_POLICY: 'passive', NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') },
  },
}));
