/** Elements of an array of this shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  // Not left to the product, where an overflow times zero is NaN.
  if (shape.includes(0)) return 0
  return shape.reduce((product, size) => product * size, 1)
}

/** How messages write a shape. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}
