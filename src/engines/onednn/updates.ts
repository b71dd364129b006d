// The end of a program: states take the values that the graph gives them, all at once.
import type { Value } from '../../graph/graph.ts';
import { argument } from './abi.ts';
import type { Lowering, Tensor } from './lowering.ts';

/** A copy of what a tensor holds at this point of the run. */
export function snapshot(lowering: Lowering, name: string, from: Tensor): Tensor {
  const to = lowering.temporary(from.layout);
  copy(lowering, name, from, to);
  return to;
}

function copy(lowering: Lowering, path: string, from: Tensor, to: Tensor): void {
  const descriptor = lowering.natives.describe('reorder', { src: from.layout, dst: to.layout });
  if (descriptor === undefined) throw new Error(`oneDNN: no copy for the state ${path}.`);
  lowering.lowered.steps.push({
    kind: 'primitive',
    op: 'update',
    path,
    descriptor,
    arguments: [
      [argument.src, from],
      [argument.dst, to],
    ],
    reads: [from],
    writes: [to],
  });
}

/** Copies updated values into their states, unless the optimiser's kernel wrote them in place. */
export function applyUpdates(lowering: Lowering): void {
  const { graph } = lowering;
  const pending = [...graph.updates].map(([name, value]) => {
    const target = lowering.current(graph.states.get(name) as Value);
    return {
      name,
      target,
      from: lowering.as(value, target.layout),
      fromState: value.source.kind === 'state',
    };
  });
  const moves = pending.filter(({ target, from }) => from.storage !== target.storage);
  const staged = moves.map((move) => {
    if (!move.fromState) return move;
    return { ...move, from: snapshot(lowering, move.name, move.from) };
  });
  for (const { name, from, target } of staged) copy(lowering, name, from, target);
}
