// A window that moves by s pixels meets the pixels of a picture in s phases along each axis: with filter element t it
// meets those whose distance from the padding's edge is t times the dilation, modulo s. Inside one phase it moves by
// one, so a strided convolution is a sum of dense ones, each between one phase of the picture and some filter elements.
export interface Tap {
  /** Of the filter. */
  readonly index: number;
  /** The row of the phase that it meets for the first row of outputs; negative in the padding. */
  readonly shift: number;
}

export interface Phase {
  /** Its first row of the picture; the others follow at distances of the stride. */
  readonly first: number;
  readonly count: number;
  /** None where no filter element ever meets it. */
  readonly taps: readonly Tap[];
}

/** The phases of one axis, as many as the stride: every row of the picture is in one of them. */
export function phasesOf(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): Phase[] {
  return Array.from({ length: stride }, (_, a) => {
    const lowest = Math.ceil((padding - a) / stride);
    const taps = Array.from({ length: kernel }, (_, index) => index)
      .filter((index) => (index * dilation) % stride === a)
      .map((index) => ({ index, shift: Math.floor((index * dilation) / stride) - lowest }));
    return {
      first: stride * lowest + a - padding,
      count: Math.max(0, Math.floor((size - 1 + padding - a) / stride) - lowest + 1),
      taps,
    };
  });
}
