import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearAxis, logAxis, niceTicks, tickLabel, valueText } from './axis.ts';

const labels = (axis: { ticks: readonly { label: string }[] }) => axis.ticks.map(({ label }) => label);

describe('niceTicks', () => {
  it.each<[number, number, number, number[]]>([
    [0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0.1, 0.3, 4, [0.1, 0.15, 0.2, 0.25, 0.3]],
    [-3, 4, 3, [0]],
    [1, 15, 7, [2, 4, 6, 8, 10, 12, 14]],
  ])('from %d to %d about %d', (low, high, count, ticks) => {
    expect(niceTicks(low, high, count)).toEqual(ticks);
  });
});

describe('linearAxis', () => {
  it('places its ends and widens to ticks', () => {
    const axis = linearAxis(0.3, 4.1, 600, 100, { ticks: 6, round: true });
    expect(axis.range).toEqual([0, 5]);
    expect(labels(axis)).toEqual(['0', '1', '2', '3', '4', '5']);
    expect([axis.place(0), axis.place(5), axis.place(2.5)]).toEqual([600, 100, 350]);
  });

  it('has whole ticks where asked, and room around a single value', () => {
    expect(labels(linearAxis(1, 3, 0, 100, { ticks: 10, whole: true }))).toEqual(['1', '2', '3']);
    expect(linearAxis(4, 4, 0, 100, { ticks: 5, whole: true }).place(4)).toBe(50);
    expect(linearAxis(0, 0, 0, 100, { ticks: 5 }).place(0)).toBe(50);
  });

  it('stands without data', () => {
    const axis = linearAxis(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 100, { ticks: 5 });
    expect(axis.range).toEqual([0, 1]);
  });

  it('covers any data, with few ticks inside its range', () => {
    const value = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const { range, ticks, place } = linearAxis(low, high, 0, 100, { ticks: 6, round: true });
        expect(place(low)).toBeGreaterThanOrEqual(-1e-3);
        expect(place(high)).toBeLessThanOrEqual(100 + 1e-3);
        expect(ticks.length).toBeLessThanOrEqual(12);
        for (const tick of ticks) {
          expect(place(tick.value)).toBeGreaterThanOrEqual(-1e-3);
          expect(place(tick.value)).toBeLessThanOrEqual(100 + 1e-3);
        }
        expect(range[0]).toBeLessThan(range[1]);
      }),
    );
  });
});

describe('logAxis', () => {
  it('labels 1, 2 and 5 within few decades, whole decades within many', () => {
    expect(labels(logAxis(0.3, 4, 0, 100))).toEqual(['0.2', '0.5', '1', '2', '5']);
    expect(labels(logAxis(1e-3, 1e3, 0, 100))).toEqual(['0.001', '0.01', '0.1', '1', '10', '100', '1,000']);
    expect(logAxis(1e-30, 1e3, 0, 100).ticks.length).toBeLessThanOrEqual(12);
  });

  it('places equal ratios at equal distances, and one value too', () => {
    const axis = logAxis(1, 100, 600, 0);
    expect([1, 10, 100].map((value) => Math.round(axis.place(value)))).toEqual([600, 300, 0]);
    const single = logAxis(3, 3, 0, 100);
    expect(single.place(3)).toBeGreaterThan(0);
    expect(single.place(3)).toBeLessThan(100);
  });

  it('stands without data', () => {
    expect(logAxis(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 100).ticks.length).toBeGreaterThan(
      1,
    );
  });
});

it('numbers are written for reading', () => {
  expect([tickLabel(20000, 5000), tickLabel(0.1 + 0.2, 0.1), tickLabel(-0.5, 0.5)]).toEqual([
    '20,000',
    '0.3',
    '−0.5',
  ]);
  expect([tickLabel(5e-7, 1e-7), tickLabel(3e12, 1e12)]).toEqual(['5e−7', '3e12']);
  expect([0.41, 37.5, 1234567, 0.00001, 23456, 0, -2].map(valueText)).toEqual([
    '0.410',
    '37.5',
    '1.23e6',
    '1.00e−5',
    '23,456',
    '0',
    '−2.00',
  ]);
});
