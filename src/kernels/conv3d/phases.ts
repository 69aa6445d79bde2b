/** A transposed convolution as convolutions without gaps, one for each position between the voxels it reads. */
import { type ConvolutionGeometry, map3, type Triple } from './geometry.js'

/** Voxels of the fine volume that see the same taps, `stride` apart. */
export interface Phase {
  /** The first one, and how many there are. */
  readonly first: Triple
  readonly count: Triple
  /** In the coarse volume: where the first tap of the first voxel lies, and how far it is to the next tap. */
  readonly origin: Triple
  readonly reach: Triple
  /** Taps of the kernel: how many, the first one, and how far it is to the next. */
  readonly taps: Triple
  readonly firstTap: Triple
  readonly nextTap: Triple
}

interface AxisPhase {
  readonly count: number
  readonly origin: number
  readonly reach: number
  readonly taps: number
  readonly firstTap: number
  readonly nextTap: number
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** Along one axis: tap `t` of the voxel at `first + stride * j` lies at `(first + padding - dilation * t) / stride + j`. */
function axisPhase(geometry: ConvolutionGeometry, axis: 0 | 1 | 2, first: number): AxisPhase {
  const [stride, dilation] = [geometry.stride[axis], geometry.dilation[axis]]
  const [kernel, from] = [geometry.kernel[axis], first + geometry.paddingBefore[axis]]
  const nextTap = stride / greatestCommonDivisor(stride, dilation)
  const count = Math.ceil((geometry.fine[axis] - first) / stride)
  const candidates = Array.from({ length: Math.min(nextTap, kernel) }, (_, tap) => tap)
  const firstTap = candidates.find((tap) => (from - dilation * tap) % stride === 0)
  if (firstTap === undefined) return { count, origin: 0, reach: 0, taps: 0, firstTap: 0, nextTap: 0 }
  return {
    count,
    origin: (from - dilation * firstTap) / stride,
    reach: (-nextTap * dilation) / stride,
    taps: Math.ceil((kernel - firstTap) / nextTap),
    firstTap,
    nextTap,
  }
}

/** Every phase that has voxels; `stride[0] * stride[1] * stride[2]` of them unless the volume is smaller. */
export function phasesOf(geometry: ConvolutionGeometry): Phase[] {
  const axes = map3((axis) =>
    Array.from({ length: Math.min(geometry.stride[axis], geometry.fine[axis]) }, (_, first) => ({
      first,
      ...axisPhase(geometry, axis, first),
    })),
  )
  return axes[0].flatMap((d) =>
    axes[1].flatMap((h) =>
      axes[2].map((w) => {
        const along = [d, h, w] as const
        const pick = (field: keyof (typeof along)[number]): Triple => map3((axis) => along[axis][field])
        return {
          first: pick('first'),
          count: pick('count'),
          origin: pick('origin'),
          reach: pick('reach'),
          taps: pick('taps'),
          firstTap: pick('firstTap'),
          nextTap: pick('nextTap'),
        }
      }),
    ),
  )
}
