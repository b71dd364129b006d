// What a pickle can hold here: Python's plain values, and the few things that tensors are made of. Nothing in it can
// run; a `global` calls a function of ours, chosen by name from a fixed table.
import type { StoredType } from './storage.ts';

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleSet
  | PickleGlobal
  | PickleStorage
  | PickleTensor
  | PickleInert;

export type PickleList = { readonly kind: 'list'; readonly items: PickleValue[] };
export type PickleTuple = { readonly kind: 'tuple'; readonly items: readonly PickleValue[] };
export type PickleDict = { readonly kind: 'dict'; readonly entries: Map<PickleValue, PickleValue> };
export type PickleSet = { readonly kind: 'set'; readonly items: Set<PickleValue> };

/** A name of Python's that stands for one of our functions; without `call` it is only a name. */
export type PickleGlobal = {
  readonly kind: 'global';
  readonly name: string;
  readonly call?: (args: readonly PickleValue[]) => PickleValue;
  /** The element type that a storage class or a dtype stands for. */
  readonly type?: StoredType;
};

/** A run of elements in the file: `bytes` of the storage called `key`, from byte `start` on. */
export type PickleStorage = {
  readonly kind: 'storage';
  readonly key: string;
  readonly type: StoredType;
  readonly start: number;
  readonly bytes: number;
};

/** A view of a storage; offset and strides count elements of `type`. */
export type PickleTensor = {
  readonly kind: 'tensor';
  readonly storage: PickleStorage;
  readonly type: StoredType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
};

/** Something that is carried along and means nothing here (a device). */
export type PickleInert = { readonly kind: 'inert'; readonly name: string };

export type PickleKind = Exclude<PickleValue, null | boolean | number | bigint | string | Uint8Array>['kind'];

/** The value if it is of that kind. */
export function ofKind<K extends PickleKind>(
  value: PickleValue | undefined,
  kind: K,
): Extract<PickleValue, { readonly kind: K }> | undefined {
  const matches = typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
  return matches ? (value as Extract<PickleValue, { readonly kind: K }>) : undefined;
}

/** What a value is, in a word, for messages: never its contents, which may be of any size. */
export function kindName(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value !== 'object') return typeof value === 'string' ? 'a string' : `a ${typeof value}`;
  return value.kind === 'global' ? `the name ${quoted(value.name)}` : `a ${value.kind}`;
}

/** Text of a file as it may stand in a message: quoted, without control characters, not long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}...` : text);
}
