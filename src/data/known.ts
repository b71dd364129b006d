// The data sets that Laurel knows by name: shape, statistics, files, official homes and published checksums.
import { cifar10, cifar100Coarse, cifar100Fine, digits, fashionMnist } from './class-names.ts';
import type { Split } from './dataset.ts';

/** A file of the data set's official home, and its published MD5. */
export interface OfficialFile {
  readonly file: string;
  readonly md5: string;
}

export interface KnownDataset {
  readonly name: string;
  /** As people write it. */
  readonly title: string;
  readonly format: 'idx' | 'cifar-10' | 'cifar-100';
  readonly classes: readonly string[];
  /** The second set of labels, where there is one. */
  readonly coarseClasses?: readonly string[];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Per channel of the training pictures, in 0..1 units. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The files that must be there, for each split; idx files may have `.gz` behind their names. */
  readonly files: Readonly<Record<Split, readonly string[]>>;
  /** Folder names that the official archive, or another program, puts around the files. */
  readonly folders: readonly string[];
  /** Addresses that the official files' names are put behind, tried in this order. */
  readonly homes: readonly string[];
  readonly downloads: readonly OfficialFile[];
  /** First labels of each split: they tell data sets apart whose files have the same names. */
  readonly firstLabels?: Readonly<Record<Split, readonly number[]>>;
  /** The command that installs it from the system's packages. */
  readonly debianPackage?: string;
}

const idxFiles = {
  train: ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  test: ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
} as const;

export const knownDatasets: readonly KnownDataset[] = [
  {
    name: 'mnist',
    title: 'MNIST',
    format: 'idx',
    classes: digits,
    channels: 1,
    height: 28,
    width: 28,
    mean: [0.1307],
    std: [0.3081],
    files: idxFiles,
    folders: ['raw', 'MNIST/raw'],
    // The authors' page, http://yann.lecun.com/exdb/mnist/, answers 403 to downloads; PyTorch's copy of its files
    // (same checksums) stands in, then the page itself.
    homes: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
    downloads: [
      { file: 'train-images-idx3-ubyte.gz', md5: 'f68b3c2dcbeaaa9fbdd348bbdeb94873' },
      { file: 'train-labels-idx1-ubyte.gz', md5: 'd53e105ee54ea40749a09fcbcd1e9432' },
      { file: 't10k-images-idx3-ubyte.gz', md5: '9fb629c4189551a2d022fa330f9573f3' },
      { file: 't10k-labels-idx1-ubyte.gz', md5: 'ec29112dd5afa0611ce80d1b7f02629c' },
    ],
    firstLabels: { train: [5, 0, 4, 1, 9], test: [7, 2, 1, 0, 4] },
  },
  {
    name: 'fashion-mnist',
    title: 'Fashion-MNIST',
    format: 'idx',
    classes: fashionMnist,
    channels: 1,
    height: 28,
    width: 28,
    mean: [0.286],
    std: [0.353],
    files: idxFiles,
    folders: ['raw', 'FashionMNIST/raw'],
    homes: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
    downloads: [
      { file: 'train-images-idx3-ubyte.gz', md5: '8d4fb7e6c68d591d4c3dfef9ec88bf0d' },
      { file: 'train-labels-idx1-ubyte.gz', md5: '25c81989df183df01b3e8a0aad5dffbe' },
      { file: 't10k-images-idx3-ubyte.gz', md5: 'bef4ecab320f06d8554ea6380940ec79' },
      { file: 't10k-labels-idx1-ubyte.gz', md5: 'bb300cfdad3c16e7a12a480ee83cd310' },
    ],
    firstLabels: { train: [9, 0, 0, 3, 0], test: [9, 2, 1, 1, 6] },
    debianPackage: 'dataset-fashion-mnist',
  },
  {
    name: 'cifar-10',
    title: 'CIFAR-10',
    format: 'cifar-10',
    classes: cifar10,
    channels: 3,
    height: 32,
    width: 32,
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.2435, 0.2616],
    files: {
      train: [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`),
      test: ['test_batch.bin'],
    },
    folders: ['cifar-10-batches-bin'],
    homes: ['https://www.cs.toronto.edu/~kriz/'],
    downloads: [{ file: 'cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530' }],
  },
  {
    name: 'cifar-100',
    title: 'CIFAR-100',
    format: 'cifar-100',
    classes: cifar100Fine,
    coarseClasses: cifar100Coarse,
    channels: 3,
    height: 32,
    width: 32,
    // As github.com/weiaicunzai/pytorch-cifar100 has them.
    mean: [0.50707516, 0.48654887, 0.44091784],
    std: [0.26733429, 0.25643846, 0.27615047],
    files: { train: ['train.bin'], test: ['test.bin'] },
    folders: ['cifar-100-binary'],
    homes: ['https://www.cs.toronto.edu/~kriz/'],
    downloads: [{ file: 'cifar-100-binary.tar.gz', md5: '03b5dce01913d631647c71ecec9e9cb8' }],
  },
];

/** The data set with that name, if Laurel knows it. */
export function knownDataset(name: string): KnownDataset | undefined {
  return knownDatasets.find((known) => known.name === name);
}
