// The three ways down side by side: deconvnet, gradient and guided backpropagation of one activation in one picture.
// They differ in the ReLUs alone (the deconvnet keeps what is positive in the signal, the gradient where the forward
// value was positive, guided backpropagation both), so what they share comes from the filters and the switches.
import type { ComputeType, Engine } from '../engines/engine.ts';
import type { Network } from '../nets/network.ts';
import { findLayer } from './layer.ts';
import { createProjector, type Projection, type Rule, rules } from './project.ts';

export interface RuleComparison {
  readonly projections: Readonly<Record<Rule, Projection>>;
  /** Pearson's correlation of the pixels of each pair of rules; 0 where one of them is all zeros. */
  readonly correlations: readonly { readonly rules: readonly [Rule, Rule]; readonly r: number }[];
}

/**
 * Projects one unit of the layer at `path` by each rule. `build` gives the network (inference form, batch 1) anew for
 * each; `image`: C x H x W. Without a position, that of the unit's strongest activation.
 */
export function compareRules(
  engine: Engine,
  build: () => Network,
  tensors: ReadonlyMap<string, Float32Array>,
  image: Float32Array,
  seed: { readonly layer: string; readonly unit: number; readonly position?: readonly [number, number] },
  { dtype }: { readonly dtype: ComputeType },
): RuleComparison {
  const found = rules.map((rule) => {
    const network = build();
    const layer = findLayer(network, seed.layer);
    const projector = createProjector(engine, network, tensors, layer, { rule, dtype });
    try {
      const [projection] = projector.project(image, [{ unit: seed.unit, position: seed.position }]);
      return [rule, projection as Projection] as const;
    } finally {
      projector.dispose();
    }
  });
  const correlations = found.flatMap(([a, first], i) =>
    found.slice(i + 1).map(([b, second]) => ({
      rules: [a, b] as const,
      r: correlation(first.pixels, second.pixels),
    })),
  );
  return { projections: Object.fromEntries(found) as Record<Rule, Projection>, correlations };
}

/** Pearson's correlation coefficient; 0 where either side does not vary. */
export function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (values: Float32Array): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [(a[i] as number) - ma, (b[i] as number) - mb];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}
