// A handful of classes out of one picture of each class of ImageNet: the folders of birds, bugs, dogs, reptiles and
// vehicles become five folders of links to their pictures, every fifth of which is for testing.
//
//   node test/transfer-samples.ts SAMPLES OUT [PICTURES PER CLASS]
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** WordNet identifiers, from and to, both included: ImageNet's list follows them. */
const groups: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>> = {
  bird: [
    ['n01514668', 'n01622779'],
    ['n01795545', 'n01860187'],
    ['n02002556', 'n02058221'],
  ],
  bug: [
    ['n01770081', 'n01784675'],
    ['n02165105', 'n02281787'],
  ],
  dog: [['n02085620', 'n02113978']],
  reptile: [['n01664065', 'n01756291']],
  vehicle: [
    'n02701002 n02814533 n02835271 n02930766 n03100240 n03345487 n03417042 n03594945 n03670208 n03769881 n03770679',
    'n03777568 n03785016 n03791053 n03792782 n03796401 n03895866 n03930630 n03977966 n04037443 n04146614 n04285008',
    'n04335435 n04389033 n04461696 n04467665 n04487081',
  ]
    .flatMap((line) => line.split(' '))
    .map((wnid) => [wnid, wnid] as const),
};

/** Fills `out` with `train/` and `test/`; gives the number of pictures in each. */
export function groupSamples(
  samples: string,
  out: string,
  mostPerClass = 40,
): { train: number; test: number } {
  const count = { train: 0, test: 0 };
  const wnids = readdirSync(samples).sort();
  for (const [name, ranges] of Object.entries(groups)) {
    const chosen = wnids.filter((wnid) => ranges.some(([from, to]) => wnid >= from && wnid <= to));
    const files = chosen.flatMap((wnid) =>
      readdirSync(join(samples, wnid)).map((file) => join(samples, wnid, file)),
    );
    for (const [i, file] of files.slice(0, mostPerClass).entries()) {
      const split = i % 5 === 4 ? 'test' : 'train';
      const folder = join(out, split, name);
      mkdirSync(folder, { recursive: true });
      symlinkSync(resolve(file), join(folder, basename(file)));
      count[split]++;
    }
  }
  return count;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [samples = '', out = '', most = '40'] = process.argv.slice(2);
  const { train, test } = groupSamples(samples, out, Number(most));
  console.log(`${out}: ${train} pictures to train on, ${test} to test`);
}
