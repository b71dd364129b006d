import { describe, expect, it } from 'vitest';
import { createProgram } from './main.ts';
import { misspeltOption } from './verb.ts';

async function failureOf(text: string): Promise<unknown> {
  const [program, args] = [createProgram(), text.split(' ')];
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    return misspeltOption(error, program, args);
  }
  return undefined;
}

describe('options that have to be there', () => {
  it.each([
    ['classify lenet a.png --weigths x', "unknown option '--weigths' of classify. Did you mean --weights"],
    ['report runs/x --otu=y', "unknown option '--otu' of report. Did you mean --out"],
    ['viz top lenet --wights x', "unknown option '--wights' of top. Did you mean --weights"],
    ['report runs/x', "required option '--out <folder>' not specified"],
  ])('%s', async (text, sentence) => {
    expect(await failureOf(text)).toMatchObject({
      message: expect.stringContaining(sentence),
      exitCode: expect.any(Number),
    });
  });
});
