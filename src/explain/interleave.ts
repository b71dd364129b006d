// Pictures are planar on their way through a network and interleaved where they are drawn.

/** Planar bytes as interleaved RGB: three channels as they are, of any other number the first as grey. */
export function interleave(
  planar: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
): Uint8Array {
  const plane = height * width;
  const isColour = planar.length === 3 * plane;
  const rgb = new Uint8Array(3 * plane);
  for (let at = 0; at < plane; at++) {
    for (let c = 0; c < 3; c++) rgb[3 * at + c] = planar[(isColour ? c * plane : 0) + at] as number;
  }
  return rgb;
}
