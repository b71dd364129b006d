// ONNX's messages, those that a model of Laurel needs, with the field numbers of github.com/onnx/onnx, onnx.proto.
// An ONNX file is one ModelProto.
import type { Shape } from '../../graph/tensor.ts';
import {
  bytesField,
  type Encoded,
  floatField,
  integerField,
  message,
  messageField,
  stringField,
} from './protobuf.ts';

/** ONNX 1.12's: opset 17 is the oldest that every runtime of today reads and that has all ops we need. */
export const irVersion = 8;
export const opsetVersion = 17;

const elementTypes = { float: 1, uint8: 2, int8: 3, int64: 7 } as const;
export type ElementType = keyof typeof elementTypes;

export type Attribute =
  | { readonly float: number }
  | { readonly integer: number }
  | { readonly integers: readonly number[] };
export type Attributes = Readonly<Record<string, Attribute>>;

/** A dimension: its size, or the name of a size that each run chooses. */
export type Dimension = number | string;

export interface ModelParts {
  readonly name: string;
  readonly producerVersion: string;
  readonly documentation: string;
  readonly nodes: readonly Encoded[];
  readonly initializers: readonly Encoded[];
  readonly inputs: readonly Encoded[];
  readonly outputs: readonly Encoded[];
  readonly metadata: Readonly<Record<string, string>>;
}

export function modelProto(parts: ModelParts): Encoded {
  const graph = message(
    parts.nodes.map((node) => messageField(1, node)),
    stringField(2, parts.name),
    parts.initializers.map((tensor) => messageField(5, tensor)),
    parts.inputs.map((value) => messageField(11, value)),
    parts.outputs.map((value) => messageField(12, value)),
  );
  const opset = message(stringField(1, ''), integerField(2, opsetVersion));
  const metadata = Object.entries(parts.metadata).map(([key, value]) =>
    messageField(14, message(stringField(1, key), stringField(2, value))),
  );
  return message(
    integerField(1, irVersion),
    stringField(2, 'laurel'),
    stringField(3, parts.producerVersion),
    stringField(6, parts.documentation),
    messageField(7, graph),
    messageField(8, opset),
    metadata,
  );
}

export function nodeProto(
  type: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Attributes = {},
): Encoded {
  return message(
    inputs.map((input) => stringField(1, input)),
    outputs.map((output) => stringField(2, output)),
    stringField(3, name),
    stringField(4, type),
    Object.entries(attributes).map(([key, value]) => messageField(5, attributeProto(key, value))),
  );
}

function attributeProto(name: string, value: Attribute): Encoded {
  // The last field is the attribute's type: FLOAT, INT or INTS.
  if ('float' in value) return message(stringField(1, name), floatField(2, value.float), integerField(20, 1));
  if ('integer' in value) {
    return message(stringField(1, name), integerField(3, value.integer), integerField(20, 2));
  }
  const items = value.integers.map((item) => integerField(8, item));
  return message(stringField(1, name), items, integerField(20, 7));
}

/** A stored tensor; `bytes` are its elements, little endian, row-major. */
export function tensorProto(name: string, type: ElementType, shape: Shape, bytes: Uint8Array): Encoded {
  return message(
    shape.map((size) => integerField(1, size)),
    integerField(2, elementTypes[type]),
    stringField(8, name),
    bytesField(9, bytes),
  );
}

/** What an input or an output is. */
export function valueInfoProto(name: string, type: ElementType, shape: readonly Dimension[]): Encoded {
  const dimensions = shape.map((size) =>
    messageField(1, message(typeof size === 'number' ? integerField(1, size) : stringField(2, size))),
  );
  const tensor = message(integerField(1, elementTypes[type]), messageField(2, message(dimensions)));
  return message(stringField(1, name), messageField(2, message(messageField(1, tensor))));
}
