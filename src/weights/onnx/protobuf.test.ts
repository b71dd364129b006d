import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesField,
  floatField,
  integerField,
  message,
  messageField,
  stringField,
  varint,
} from './protobuf.ts';
import { joined } from './testing.ts';

describe('protocol buffers', () => {
  // The examples of the format's documentation.
  it.each([
    [integerField(1, 150), [0x08, 0x96, 0x01]],
    [stringField(2, 'testing'), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]],
    [messageField(3, message(integerField(1, 150))), [0x1a, 0x03, 0x08, 0x96, 0x01]],
    [integerField(1, -2), [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    [floatField(2, 1.5), [0x15, 0x00, 0x00, 0xc0, 0x3f]],
    [integerField(20, 1), [0xa0, 0x01, 0x01]],
    [message(), []],
  ])('field %#', (field, bytes) => {
    expect([...joined(field)]).toEqual(bytes);
    expect(field.byteLength).toBe(bytes.length);
  });

  it('writes every whole number so that it can be read back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const read = varint(value).reduce((sum, byte, i) => sum + (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n);
        expect(BigInt.asIntN(64, read)).toBe(BigInt(value));
      }),
    );
    expect(() => varint(0.5)).toThrow(/0\.5, expected a whole number/);
  });

  it('refers to large payloads instead of copying them', () => {
    const bytes = new Uint8Array(10);
    expect(messageField(1, message(bytesField(2, bytes))).pieces).toContain(bytes);
  });
});
