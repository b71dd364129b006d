// Where the names of points go: each beside its point, at the nearest of many places where it touches no other
// name, no point, nothing else that is drawn and no edge of the frame. Names with the least room choose first.

export interface Mark {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** A point, its mark, and a label for it. */
export interface Labelled extends Mark {
  /** Size of the label. */
  readonly width: number;
  readonly height: number;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** What else there is, which labels keep off: other words and lines, and marks without a label. */
export interface Surroundings {
  readonly boxes: readonly Box[];
  readonly marks: readonly Mark[];
}

/** Turns around a point in degrees (0: to the right, clockwise), the pleasing ones first. */
const turns = [0, 180, 270, 90, 315, 45, 225, 135, 338, 22, 202, 158, 292, 248, 68, 112];
const distances = [5, 14, 26, 40, 58, 80, 106, 136, 170, 210, 260];

/** Boxes for labels, in the order of `points`; inside `frame`, apart from each other as long as there is room. */
export function placeLabels(
  points: readonly Labelled[],
  frame: Box,
  { boxes, marks }: Surroundings = { boxes: [], marks: [] },
): Box[] {
  const crowd = points.map(
    (point) => points.filter((other) => Math.hypot(other.x - point.x, other.y - point.y) < 120).length,
  );
  const order = [...points.keys()].sort((a, b) => (crowd[b] as number) - (crowd[a] as number) || a - b);
  const placed = new Map<number, Box>();
  const drawn = [...points, ...marks];
  for (const index of order) {
    const taken = [...boxes, ...placed.values()];
    placed.set(index, bestPlace(points[index] as Labelled, drawn, taken, frame));
  }
  return points.map((_, index) => placed.get(index) as Box);
}

function bestPlace(point: Labelled, marks: readonly Mark[], taken: readonly Box[], frame: Box): Box {
  let best: Box | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [rank, distance] of distances.entries()) {
    for (const [turnRank, turn] of turns.entries()) {
      const box = candidate(point, distance, (turn * Math.PI) / 180);
      const outside = area(box) - overlap(box, frame);
      const onLabels = taken.reduce((sum, other) => sum + overlap(grow(box, 5), other), 0);
      const onMarks = marks.reduce((sum, other) => sum + onMark(box, other), 0);
      const cost = outside * 100 + onLabels * 100 + onMarks * 6 + rank * 40 + turnRank * 2;
      if (cost < least) [best, least] = [box, cost];
    }
    // Farther away is never cheaper than the best place so far.
    if (least < (rank + 1) * 40) break;
  }
  return best as Box;
}

function candidate({ x, y, radius, width, height }: Labelled, distance: number, turn: number): Box {
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const [anchorX, anchorY] = [x + (radius + distance) * cos, y + (radius + distance) * sin];
  const left = anchorX - (width * (1 - snap(cos))) / 2;
  const top = anchorY - (height * (1 - snap(sin))) / 2;
  return { left, top, right: left + width, bottom: top + height };
}

/** Beside a point a label starts at its edge, above and below it is centred. */
function snap(value: number): number {
  return Math.max(-1, Math.min(1, value * 1.4));
}

function area({ left, top, right, bottom }: Box): number {
  return (right - left) * (bottom - top);
}

export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

function grow({ left, top, right, bottom }: Box, by: number): Box {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

/** How much of a mark's square a box covers; a mark's rim may be touched. */
function onMark(box: Box, { x, y, radius }: Mark): number {
  const half = radius * 0.85;
  return overlap(box, { left: x - half, top: y - half, right: x + half, bottom: y + half });
}
