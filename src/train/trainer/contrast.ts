/**
 * Contrastive losses over more samples than fit at once (Gao et al., "Scaling deep contrastive learning batch size under
 * memory limited setup", 2021): embed all chunks without the tape, take the gradient of the loss at the embeddings, and
 * embed each chunk again to carry it back. Costs one more forward pass.
 */
import { backward, keep, noGrad, scope, type Tensor, tensor } from '../../engine/index.js'
import { add, cast, mul } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { slice } from '../../kernels/layout/index.js'
import { sum } from '../../kernels/reduce/index.js'
import type { Collective } from '../parallel/collective.js'
import type { Embeddings } from '../task.js'
import { contextOf } from './contexts.js'
import { backThrough, type GradientRequest, type PartLoss } from './gradients.js'

/** Adds up the gradients of the parameters; the loss is one part, over everything. */
export async function cachedGradients(
  { task, samples, lossScale, place }: GradientRequest,
  chunks: readonly (readonly unknown[])[],
): Promise<PartLoss[]> {
  const contrast = task.contrast!
  const embed = (n: number) => {
    const context = contextOf(place, n)
    return contrast.embed(task.collate(chunks[n]!, context), context)
  }
  const parts = chunks.map((_, n) => {
    const own = scope(() => noGrad(() => embed(n)))
    task.device.flush()
    return own
  })
  const all = await gatherRows(joinChunks(parts), place.collective)
  for (const leaf of Object.values(all)) leaf.setRequiresGrad()
  const start = place.collective.rank * samples.length
  // Draws of the objective are none of a chunk's.
  const context = { ...contextOf(place, chunks.length), ownRows: { start, count: samples.length } }
  const result = scope(() => backThrough(contrast.objective(all, context), lossScale))
  const gradients = await ownGradients(all, start, samples.length, place.collective)
  for (const leaf of Object.values(all)) leaf.dispose()
  let first = 0
  for (const [n, chunk] of chunks.entries()) {
    const from = first
    scope(() => carryBack(embed(n), gradients, from, chunk.length))
    task.device.flush()
    first += chunk.length
  }
  for (const gradient of Object.values(gradients)) gradient.dispose()
  return [{ ...result, share: 1 }]
}

/** Rows of all chunks, as f32, kept beyond scopes. The parts are disposed. */
function joinChunks(parts: readonly Embeddings[]): Record<string, Tensor> {
  const joined = scope(() =>
    Object.fromEntries(
      Object.keys(parts[0]!).map((name) => [
        name,
        keep(
          concat(
            parts.map((part) => cast(part[name]!, 'f32')),
            0,
          ),
        ),
      ]),
    ),
  )
  for (const part of parts) for (const value of Object.values(part)) value.dispose()
  return joined
}

/** Rows of all ranks in their order. */
async function gatherRows(own: Record<string, Tensor>, collective: Collective): Promise<Record<string, Tensor>> {
  if (collective.size === 1) return own
  const all: Record<string, Tensor> = {}
  for (const [name, value] of Object.entries(own)) {
    const rows = await collective.allGather((await value.data()) as Float32Array)
    all[name] = keep(tensor(value.device, rows, [value.shape[0]! * collective.size, ...value.shape.slice(1)]))
    value.dispose()
  }
  return all
}

/** What all ranks' losses ask of this rank's rows. */
async function ownGradients(
  all: Readonly<Record<string, Tensor>>,
  start: number,
  count: number,
  collective: Collective,
): Promise<Record<string, Tensor>> {
  const own: Record<string, Tensor> = {}
  for (const [name, { grad, device, shape }] of Object.entries(all)) {
    if (!grad) continue
    if (collective.size > 1) {
      const values = (await grad.data()) as Float32Array
      await collective.allReduceSum(values)
      const width = values.length / shape[0]!
      const rows = values.slice(start * width, (start + count) * width)
      own[name] = keep(tensor(device, rows, [count, ...shape.slice(1)]))
    } else {
      own[name] = keep(grad.alias())
    }
  }
  return own
}

/** Goes back from the rows `from` on through a chunk: the gradient of `sum(embeddings * gradients)` is what is wanted. */
function carryBack(embeddings: Embeddings, gradients: Embeddings, from: number, count: number): void {
  const products = Object.entries(embeddings).flatMap(([name, value]) => {
    const gradient = gradients[name]
    if (!gradient || !value.requiresGrad) return []
    const rows = slice(gradient, [[from, from + count]])
    return [sum(mul(cast(value, 'f32'), rows))]
  })
  if (products.length > 0) backward(products.reduce((total, product) => add(total, product)))
}
