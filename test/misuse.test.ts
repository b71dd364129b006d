// Requests that cannot be met: one sentence on stderr with the nearest names or the next step, nothing on stdout,
// no stack, exit code 2.
import { describe, expect, it } from 'vitest';
import { laurel, temporaryFolder } from './cli.ts';

const cases: readonly (readonly [args: string, sentence: RegExp])[] = [
  ['sumary lenet', /^error: unknown command 'sumary'\. Did you mean summary\?\n$/],
  ['paint lenet', /^error: unknown command 'paint'\. The commands are .*summary/],
  ['summary', /^error: missing required argument 'net'/],
  ['summary lennet', /^error: There is no network named 'lennet'\. Did you mean lenet/],
  ['summary lenet --jsno', /^error: unknown option '--jsno'\. Did you mean --json\?\n$/],
  ['summary lenet --form cifr', /^error: lenet has no form 'cifr'; its forms are imagenet, cifar, article\./],
  ['summary resnet18 --form article', /^error: resnet18 has no form 'article'/],
  ['summary lenet --classes many', /'many' is invalid\. Expected a whole number of at least 1\./],
  ['summary lenet --classes 0', /'0' is invalid\. Expected a whole number of at least 1\./],
  ['summary lenet --form article --height 32', /^error: lenet \(form article\) takes pictures of 28x28 only/],
  ['summary lenet resnet18', /^error: too many arguments for 'summary'/],
  ['train', /^error: missing required argument 'net'/],
  [
    'train lenet --data fashion-mnist --recipe slow',
    /^error: There is no recipe named 'slow'\. Did you mean/,
  ],
  ['train lenet --data fashion-minst', /Did you mean fashion-mnist/],
  ['train lenet', /No data to train on\. Name a data set or a folder with --data\./],
  [
    'train lenet --data fashion-mnist --engine onedn',
    /Expected auto, onednn, reference\. Did you mean onednn/,
  ],
  ['train lenet --data fashion-mnist --dtype fp16', /Expected auto, f32, bf16\. Did you mean/],
  ['train lenet --data fashion-mnist --resume', /--resume needs --out/],
  ['eval lenet --data fashion-mnist', /^error: required option '--weights <file>' not specified/],
  ['bench trian lenet', /Did you mean train/],
];

describe('a misused command', () => {
  it.concurrent.each(cases)('laurel %s', async (args, sentence) => {
    const { code, stdout, stderr } = await laurel(args.split(' '), { cwd: temporaryFolder() });
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('shows help on stderr when it is told nothing', async () => {
    const { code, stdout, stderr } = await laurel([]);
    expect(stderr).toMatch(/^Usage: laurel/);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});
