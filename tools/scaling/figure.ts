// Efficiency of 1 to 256 nodes at four speeds of the network: a panel for each network.
import { drawCurves } from '../../src/figures/curves.ts';
import { element, writeDrawing } from '../../src/figures/svg.ts';
import { gigabits, names, nodeCounts, percentAt, workOf } from './expected.ts';

const panel = { width: 560, height: 420 };

export async function scalingFigure(path: string): Promise<void> {
  const panels = names.map((name) => {
    const work = workOf(name);
    const { body } = drawCurves({
      title: name,
      subtitle: `${(work.bytes / 1e6).toFixed(0)} MB of gradients, ${(1000 * work.stepSeconds).toFixed(0)} ms a step`,
      series: gigabits.map((speed) => ({
        name: `${speed} Gbit/s`,
        points: nodeCounts.map((nodes): [number, number] => [
          Math.log2(nodes),
          percentAt(work, nodes, speed),
        ]),
      })),
      xLabel: 'nodes, as a power of 2 (8: 256 nodes)',
      yLabel: '% of perfect scaling',
      yMin: 0,
      size: panel,
    });
    return body;
  });
  const body = panels
    .map((each, place) => element('g', { transform: `translate(${place * panel.width} 0)` }, each))
    .join('');
  await writeDrawing(path, { width: panels.length * panel.width, height: panel.height, body });
}
