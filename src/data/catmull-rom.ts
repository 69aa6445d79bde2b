/**
 * Weights of the four voxels around a sample that lies `part` (0 to 1) of the way from the second to the third: the
 * cubic convolution of Keys (1981) with a = -1/2, which is the Catmull-Rom spline.
 *
 * Of the cubics this one is offered because it passes through the voxels (a sample on a voxel is that voxel), is exact
 * for polynomials of second degree, and needs nothing but four neighbours. A B-spline is a little sharper and costs a
 * recursive filter over the whole volume first. Both overshoot at edges: clamp afterwards where that matters.
 */
export function catmullRom(part: number): [number, number, number, number] {
  const square = part * part
  const cube = square * part
  return [
    -0.5 * cube + square - 0.5 * part,
    1.5 * cube - 2.5 * square + 1,
    -1.5 * cube + 2 * square + 0.5 * part,
    0.5 * cube - 0.5 * square,
  ]
}
