// A node in words, as tables of architectures write it: `conv 7x7, 64 /2` is a 7x7 convolution with 64 filters and
// stride 2. Two layers with the same words do the same to any input.
import type { Node, Value } from './graph.ts';
import type { ConvolutionAttributes, Pair } from './ops/convolution.ts';
import type { PoolingAttributes } from './ops/pooling.ts';

const names: Readonly<Record<string, string>> = {
  relu: 'ReLU',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
  batchNormTraining: 'batch norm',
  batchNormInference: 'batch norm',
  softmax: 'softmax',
  add: 'add',
  multiply: 'multiply',
  pad: 'pad',
};

/** What a node does, in a few words. */
export function describeNode(node: Node): string {
  const { attributes, inputs, outputs } = node;
  const [x, w] = inputs as readonly [Value, Value?];
  const y = outputs[0] as Value;
  switch (node.op.name) {
    case 'convolution': {
      const { stride, dilation, groups } = attributes as ConvolutionAttributes;
      const kernel = pairText((w as Value).shape.slice(2) as unknown as Pair);
      const spread = dilation[0] === 1 && dilation[1] === 1 ? '' : `, dilation ${sideText(dilation)}`;
      const grouped = groups === 1 ? '' : `, ${groups} groups`;
      return `conv ${kernel}, ${y.shape[1]}${strideText(stride)}${grouped}${spread}`;
    }
    case 'linear':
      return `linear ${y.shape[1]}`;
    case 'maxPool':
      return `max pool ${poolText(attributes as PoolingAttributes)}`;
    case 'averagePool': {
      const pooling = attributes as PoolingAttributes;
      const whole = pooling.kernel.every((size, axis) => size === x.shape[axis + 2]);
      return whole ? 'global average pool' : `average pool ${poolText(pooling)}`;
    }
    case 'adaptiveAveragePool':
      return `average pool to ${pairText(attributes.output as Pair)}`;
    case 'lrn':
      return `LRN ${attributes.size}`;
    case 'dropout':
      return `dropout ${attributes.rate}`;
    case 'concat':
      return `concat ${inputs.length}`;
    case 'slice': {
      const step = attributes.step as readonly number[];
      return step.every((size) => size === 1) ? 'slice' : `slice, step ${Math.max(...step)}`;
    }
    case 'reshape':
      return y.shape.length === 2 ? 'flatten' : 'reshape';
    default:
      return names[node.op.name] ?? node.op.name;
  }
}

function pairText([height, width]: Pair): string {
  return `${height}x${width}`;
}

function sideText([height, width]: Pair): string {
  return height === width ? `${height}` : `${height}x${width}`;
}

function strideText(stride: Pair): string {
  return stride[0] === 1 && stride[1] === 1 ? '' : ` /${sideText(stride)}`;
}

function poolText({ kernel, stride, ceil }: PoolingAttributes): string {
  return `${pairText(kernel)} /${sideText(stride)}${ceil ? ', ceil' : ''}`;
}
