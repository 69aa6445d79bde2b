/** Optional weight and bias of a normalisation: which inputs they are, and what shape they must have. */
import { ShapeError } from '../../engine/errors.js'
import { formatShape, type Shape, sameShape } from '../../engine/shape.js'

export interface AffineOptions {
  /** Whether the second input is a weight. */
  readonly weight: boolean
  /** Whether the last input is a bias. */
  readonly bias: boolean
}

/** What stands for x, weight and bias in a list that holds only those that exist. */
export function named<T>(list: readonly T[], { weight, bias }: AffineOptions): { x: T; weight?: T; bias?: T } {
  return {
    x: list[0]!,
    ...(weight ? { weight: list[1]! } : {}),
    ...(bias ? { bias: list[weight ? 2 : 1]! } : {}),
  }
}

/** The gradients of x, weight and bias as a list for those that exist. */
export function listed<T>(x: T, weight: T, bias: T, options: AffineOptions): T[] {
  return [x, ...(options.weight ? [weight] : []), ...(options.bias ? [bias] : [])]
}

/** Throws unless every parameter has the shape of the axes `what`. */
export function checkParameters(
  op: string,
  { x, weight, bias }: { x: { shape: Shape }; weight?: { shape: Shape }; bias?: { shape: Shape } },
  shape: Shape,
  what: string,
): void {
  for (const [label, parameter] of Object.entries({ weight, bias })) {
    if (parameter && !sameShape(parameter.shape, shape)) {
      throw new ShapeError(
        `${op}: the ${label} ${formatShape(parameter.shape)} does not have the shape ${formatShape(shape)} ` +
          `of ${what} of ${formatShape(x.shape)}`,
      )
    }
  }
}
