// The wire format of protocol buffers, as far as writing ONNX needs it: a message is a list of fields, a field is
// a tag (number * 8 + wire type) and a varint, four bytes, or a length and that many bytes. Messages are kept as
// pieces that refer to the weights instead of copying them, so that a model of any size costs no second copy.
// Source: protobuf.dev/programming-guides/encoding.

/** Encoded bytes in pieces; the large ones are views of the caller's arrays. */
export interface Encoded {
  readonly pieces: readonly Uint8Array[];
  readonly byteLength: number;
}

const wireType = { varint: 0, lengthDelimited: 2, fixed32: 5 } as const;

const utf8 = new TextEncoder();

/** A whole number in groups of seven bits, lowest first; negative ones as 64-bit two's complement. */
export function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new Error(`A varint got ${value}, expected a whole number.`);
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function encoded(...pieces: readonly Uint8Array[]): Encoded {
  return { pieces, byteLength: pieces.reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

function tag(field: number, type: keyof typeof wireType): Uint8Array {
  return varint(field * 8 + wireType[type]);
}

/** An int32, int64, bool or enum field. */
export function integerField(field: number, value: number): Encoded {
  return encoded(tag(field, 'varint'), varint(value));
}

/** A `float` field. */
export function floatField(field: number, value: number): Encoded {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return encoded(tag(field, 'fixed32'), bytes);
}

/** A `bytes` field; the bytes are referred to, not copied. */
export function bytesField(field: number, bytes: Uint8Array): Encoded {
  return encoded(tag(field, 'lengthDelimited'), varint(bytes.byteLength), bytes);
}

export function stringField(field: number, text: string): Encoded {
  return bytesField(field, utf8.encode(text));
}

/** A field that holds a message. */
export function messageField(field: number, message: Encoded): Encoded {
  const start = encoded(tag(field, 'lengthDelimited'), varint(message.byteLength));
  return {
    pieces: [...start.pieces, ...message.pieces],
    byteLength: start.byteLength + message.byteLength,
  };
}

/** Fields one after another: the message that they make. */
export function message(...fields: readonly (Encoded | readonly Encoded[])[]): Encoded {
  const all = fields.flat() as Encoded[];
  return {
    pieces: all.flatMap(({ pieces }) => pieces),
    byteLength: all.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}
