// Sums over whole planes, as the gradient of an SE gate needs them: an average over the plane, times its size.
import type { Value } from '../../../graph/graph.ts';
import { argument, type Layout } from '../abi.ts';
import type { Kernel } from '../lowering.ts';

export const sumTo: Kernel = (lowering, node) => {
  const { natives } = lowering;
  const x = node.inputs[0] as Value;
  const y = node.outputs[0] as Value;
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const planes = x.shape.length === 4 && y.shape[0] === n && y.shape[1] === c;
  if (!planes || y.shape[2] !== 1 || y.shape[3] !== 1) return false;
  const source = lowering.current(x);
  const average = natives.describe('poolingForward', {
    algorithm: 'averageExcludingPadding',
    training: false,
    src: source.layout,
    dst: lowering.any(y),
    kernel: [height, width],
    strides: [height, width],
    dilates: [0, 0],
    padLeft: [0, 0],
    padRight: [0, 0],
  });
  const layout = average?.layout('dst') as Layout | undefined;
  const times =
    layout && natives.describe('eltwiseForward', { algorithm: 'linear', src: layout, alpha: height * width });
  if (average === undefined || layout === undefined || times === undefined) return false;
  const mean = lowering.temporary(layout);
  lowering.step(node, average, [[argument.src, source]], [[argument.dst, mean]]);
  lowering.step(node, times, [[argument.src, mean]], [[argument.dst, lowering.define(y, layout)]], {
    inPlace: mean,
  });
  return true;
};
