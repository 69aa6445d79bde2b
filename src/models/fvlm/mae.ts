/** Starts the image tower from a 2D masked autoencoder (MAE ViT-B/16 of He et al. 2022), as fVLM's training did. */
import { keep, ShapeError, scope, type Tensor, tensor, VoxgradError } from '../../engine/index.js'
import { expand, reshape, slice } from '../../kernels/layout/index.js'
import { resize3d } from '../../kernels/resize3d/index.js'
import type { Triple } from '../layers/basic.js'
import type { WeightSource } from '../weights.js'
import type { Fvlm } from './fvlm.js'

/**
 * The name in a MAE checkpoint of a tensor of the image tower (without `visual_encoder.`). Undefined for the patch
 * convolution, which has another shape there and starts at random.
 */
export function maeName(name: string): string | undefined {
  if (name === 'patch_embedding.position_embeddings') return 'pos_embed'
  if (name.startsWith('patch_embedding.')) return undefined
  return name.replace('.linear', '.fc').replace('.out_proj.', '.proj.')
}

/**
 * A position table of a square 2D grid with a leading class row, `[1, 1 + side * side, C]`, for a 3D grid: `[1, T, C]`.
 * The class row goes, the rest is resized bilinearly to height and width, and repeated along the depth.
 */
export function maePositions(table: Tensor, grid: Triple): Tensor {
  const [, rows, features] = table.shape as [number, number, number]
  const side = Math.sqrt(rows - 1)
  if (!Number.isInteger(side)) throw new ShapeError(`fvlm: ${rows} positions are not a class row and a square grid`)
  return scope(() => {
    const plane = reshape(
      slice(table, [
        [0, 1],
        [1, rows],
      ]),
      [1, 1, side, side, features],
    )
    const resized = resize3d(plane, [1, grid[1], grid[2]], { mode: 'trilinear' })
    const repeated = expand(resized, [1, ...grid, features])
    return reshape(repeated, [1, grid[0] * grid[1] * grid[2], features])
  })
}

/** Overwrites blocks, final norm and position table of the image tower; initialise the model first. */
export async function initializeFromMae(model: Fvlm, source: WeightSource): Promise<void> {
  const prefix = 'visual_encoder.'
  const present = new Set(source.names)
  const pairs = [...model.parameters.parameters.values()].flatMap((parameter) => {
    const name = parameter.name.startsWith(prefix) ? maeName(parameter.name.slice(prefix.length)) : undefined
    return name === undefined ? [] : [{ parameter, name }]
  })
  const missing = pairs.filter(({ name }) => !present.has(name)).map(({ name }) => name)
  if (missing.length > 0) {
    throw new VoxgradError(`${source.path}: is no MAE ViT of this depth, it lacks ${missing.join(', ')}`)
  }
  for (const { parameter, name } of pairs) {
    const values = await source.readFloat32(name)
    const given = keep(tensor(model.device, values, source.header(name).shape))
    const fitted = parameter === model.vision.positions ? maePositions(given, model.config.vision.trainingGrid) : given
    if (fitted.shape.join() !== parameter.shape.join()) {
      throw new ShapeError(`${source.path}: ${name} is ${given.shape.join('x')}, not ${parameter.shape.join('x')}`)
    }
    parameter.value.write(await fitted.data())
    fitted.dispose()
    given.dispose()
  }
}
