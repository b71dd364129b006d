// What a run is fed, checked against the graph's inputs before anything is computed: names, lengths, types.
import { didYouMean } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { elementCount, formatShape, type NumericArray } from '../graph/tensor.ts';

/** Throws an Error that names the feed, what it got and what it expected. */
export function checkFeeds(graph: Graph, feeds: Readonly<Record<string, NumericArray>>): void {
  for (const name of Object.keys(feeds)) {
    if (!graph.inputs.has(name)) {
      throw new Error(`The graph has no input named ${name}.${didYouMean(name, graph.inputs.keys())}`);
    }
  }
  for (const [name, { shape, precision }] of graph.inputs) {
    const feed = feeds[name];
    const count = elementCount(shape);
    if (feed === undefined) {
      throw new Error(`The input ${name} was not fed, expected ${count} numbers (${formatShape(shape)}).`);
    }
    const isIndex = feed instanceof Int32Array;
    const isFloat = feed instanceof Float32Array || feed instanceof Float64Array;
    if (precision === 'index' ? !isIndex : !isFloat) {
      const wanted = precision === 'index' ? 'an Int32Array' : 'a Float32Array or Float64Array';
      const got = (feed as object)?.constructor?.name ?? typeof feed;
      throw new Error(`The input ${name} got ${got}, expected ${wanted}.`);
    }
    if (feed.length !== count) {
      throw new Error(
        `The input ${name} got ${feed.length} numbers, expected ${count} (${formatShape(shape)}).`,
      );
    }
  }
}
