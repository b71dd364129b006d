// `laurel pull NET`: a network's published weights, from their official address.
import type { Command } from 'commander';
import type { Pulled } from '../evaluate/pull.ts';
import { type SharedOptions, sharedOption } from './options.ts';
import { count, dim, pairs, printResult, table } from './output.ts';
import { preparePlace } from './place.ts';
import { statusLine } from './status.ts';
import { addJson, addVerb } from './verb.ts';

interface Options extends Pick<SharedOptions, 'json' | 'out'> {
  home?: string;
}

export function addPull(program: Command): void {
  const command = addVerb(
    program,
    'pull',
    'fetch the published weights of a network',
    'laurel pull',
    'laurel pull resnet50',
    'laurel pull resnet18 --out resnet18.safetensors',
  )
    .argument('[net]', 'name of a network; without one: list the weights that there are')
    .addOption(sharedOption('out', "file for the weights; default: in the user's cache folder"))
    .option(
      '--home <address>',
      'a mirror to fetch from; default: $LAUREL_WEIGHTS_HOME, or the official address',
    );
  addJson(command).action(async (net: string | undefined, options: Options) => {
    if (net === undefined) return listPublished(options.json);
    const { pullWeights } = await import('../evaluate/pull.ts');
    preparePlace(options.out);
    const status = statusLine();
    const mib = (bytes: number): string => count(Math.round(bytes / 2 ** 20));
    const result = await pullWeights(net, {
      out: options.out,
      home: options.home ?? (process.env.LAUREL_WEIGHTS_HOME || undefined),
      onNote: status.note,
      onProgress: ({ received, total }) =>
        status.show(
          total === undefined
            ? `${mib(received)} MiB`
            : `${mib(received)} of ${mib(total)} MiB, ${Math.floor((100 * received) / total)} %`,
        ),
    }).finally(status.clear);
    printResult(options.json, result, () => describe(result));
  });
}

function describe({ network, path, fetched, source, url, parameters }: Pulled): string {
  return [
    pairs([
      ['Weights', fetched ? path : `${path} (was here already)`],
      ['Source', `${source}: ${url}`],
      ...(parameters === undefined ? [] : [['Numbers', count(parameters)] as const]),
    ]),
    '',
    `Use them:  npx laurel classify ${network} --weights ${path} PICTURE...`,
  ].join('\n');
}

async function listPublished(json: boolean | undefined): Promise<void> {
  const { publishedWeights } = await import('../weights/published.ts');
  printResult(json, { published: publishedWeights }, () => {
    const rows = publishedWeights.map(({ network, source, file }) => [network, source, file]);
    return [
      table([['network', 'source', 'file'], ...rows]),
      dim('\n`laurel pull NET` fetches one; the last part of its name is the beginning of its SHA-256.'),
    ].join('\n');
  });
}
