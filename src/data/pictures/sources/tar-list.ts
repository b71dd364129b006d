// The index of pictures inside archives, as it grows.
import { basename } from 'node:path';
import { UserError } from '../../../errors.ts';
import type { Split } from '../../dataset.ts';
import type { Listed } from './folders.ts';
import { growing, growingNames } from './growing.ts';
import { type ListingOptions, type Stamp, turns } from './listing.ts';
import { openTar, type TarMember } from './tar-members.ts';

export interface TarList {
  /** Reads the members of an archive; `visit` adds those that are pictures, with labels at or above 0. */
  read(
    path: string,
    visit: (members: Generator<TarMember>, add: AddMember, bytes: (m: TarMember) => Buffer) => void,
  ): Promise<void>;
  readonly length: number;
  finish(description: TarDescription): Listed;
}

export type AddMember = (member: TarMember, label: number, name?: string) => void;

export interface TarDescription {
  readonly path: string;
  readonly split: Split;
  readonly classes: readonly string[];
  readonly mixed: boolean;
  readonly undivided: boolean;
  /** Of what else the index was made from. */
  readonly stamps: readonly Stamp[];
  /** What labels become; default themselves. */
  readonly relabel?: (label: number) => number;
}

const mostArchives = 65536;

export function tarList(options: ListingOptions): TarList {
  const [labels, file, sizes] = [growing(Int32Array), growing(Uint16Array), growing(Uint32Array)];
  const starts = growing(Float64Array);
  const names = growingNames();
  const files: string[] = [];
  const turn = turns(options);
  const empty: string[] = [];
  return {
    get length() {
      return labels.length;
    },
    async read(path, visit) {
      if (files.length === mostArchives) {
        throw new UserError(`${path}: more than ${mostArchives} archives cannot be read as one set.`);
      }
      const number = files.push(path) - 1;
      const tar = openTar(path);
      try {
        const add: AddMember = (member, label, name = member.name) => {
          if (member.size >= 2 ** 32) throw new UserError(`${path}: ${name} has more than 4 GiB.`);
          if (member.size === 0) empty.push(`${path}:${name}`);
          labels.push(label);
          file.push(number);
          starts.push(member.start);
          sizes.push(member.size);
          names.push(name);
        };
        visit(tar.members(), add, tar.bytes);
        if (!tar.ended) options.onNote?.(`${path} has no end mark; it may have been cut off.`);
      } finally {
        tar.close();
      }
      await turn(labels.length);
    },
    finish({ path, split, classes, mixed, undivided, stamps, relabel }) {
      if (empty.length > 0) {
        options.onNote?.(
          `${empty.length} of ${labels.length} pictures are empty files, ${empty[0]} the first.`,
        );
      }
      const length = labels.length;
      const own = labels.finish();
      if (relabel !== undefined) for (let i = 0; i < length; i++) own[i] = relabel(own[i] as number);
      return {
        stamps,
        index: {
          name: basename(path).replace(/\.tar$/, ''),
          split,
          path,
          length,
          classes,
          labels: own,
          undivided,
          store: {
            kind: 'tar',
            files,
            mixed,
            file: file.finish(),
            starts: starts.finish(),
            sizes: sizes.finish(),
            ...names.finish(),
          },
        },
      };
    },
  };
}
