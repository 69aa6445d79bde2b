/** Embeds the anatomies of one prepared scan. */
import { ShapeError, scope, tensor } from '../../engine/index.js'
import { cast } from '../../kernels/elementwise/index.js'
import type { Triple } from '../layers/basic.js'
import type { Fvlm } from './fvlm.js'
import { organTokens } from './organ-tokens.js'
import { cutWindow, type EvaluationWindow, evaluationWindow, organBoxes } from './windows.js'

/** A scan as `prepareFvlmScan` makes it: intensities from 0 to 1 and anatomy numbers on one grid, row-major `[D, H, W]`. */
export interface PreparedScan {
  readonly image: Float32Array
  /** 0 for none, i + 1 for the i-th anatomy of the configuration. */
  readonly labels: Uint8Array
  readonly extents: Triple
}

export interface OrganEmbedding {
  readonly anatomy: string
  /** Unit vector of `projectionFeatures` numbers. */
  readonly embedding: Float32Array
  readonly window: EvaluationWindow
}

export interface OrganEmbeddings {
  /** Of the anatomies in the mask, in the order of the configuration. */
  readonly organs: readonly OrganEmbedding[]
  /** Names of the anatomies that the mask does not show. */
  readonly absent: readonly string[]
  /** How often the image tower ran: once per distinct window. */
  readonly passes: number
}

/**
 * Unit vectors of all anatomies that the mask shows. Each is seen in its evaluation window; anatomies whose windows are
 * the same share one pass through the image tower.
 */
export async function embedOrgans(model: Fvlm, scan: PreparedScan): Promise<OrganEmbeddings> {
  const { config, device } = model
  const { anatomies, evaluationWindow: least, vision } = config
  const { image, labels, extents } = scan
  const voxels = extents[0] * extents[1] * extents[2]
  if (image.length !== voxels || labels.length !== voxels) {
    throw new ShapeError(
      `fvlm: image of ${image.length} and mask of ${labels.length} voxels are not ${extents.join(' x ')}`,
    )
  }
  const windows = new Map<string, { window: EvaluationWindow; anatomies: number[] }>()
  const absent: string[] = []
  for (const [index, box] of organBoxes(labels, extents, anatomies.length).entries()) {
    if (!box) {
      absent.push(anatomies[index]!)
      continue
    }
    const window = evaluationWindow(box, extents, least, vision.patch)
    const key = [...window.start, ...window.end].join()
    const known = windows.get(key) ?? { window, anatomies: [] }
    known.anatomies.push(index)
    windows.set(key, known)
  }
  const found = new Map<number, OrganEmbedding>()
  for (const { window, anatomies: indices } of windows.values()) {
    const cut = { labels: cutWindow(labels, extents, window), samples: 1, extents: window.padded }
    const selected = organTokens(cut, anatomies.length, vision.patch)
    const units = scope(() => {
      const volume = tensor(device, cutWindow(image, extents, window), [1, ...window.padded, 1])
      const { levels } = model.vision.encode(cast(volume, model.parameters.dtype))
      return [...model.pooling.apply(levels, selected, { only: indices }).unit]
    })
    for (const [i, index] of indices.entries()) {
      found.set(index, { anatomy: anatomies[index]!, embedding: unitLength(await units[i]!.data()), window })
      units[i]!.dispose()
    }
  }
  const organs = anatomies.flatMap((_, index) => found.get(index) ?? [])
  return { organs, absent, passes: windows.size }
}

/** Halves round lengths to three digits; what is handed out has length 1. */
export function unitLength(values: ArrayLike<number>): Float32Array {
  const vector = Float32Array.from(values)
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
