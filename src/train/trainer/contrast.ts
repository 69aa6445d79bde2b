/**
 * Contrastive losses over more samples than fit at once (Gao et al., "Scaling deep contrastive learning batch size under
 * memory limited setup", 2021): embed all chunks without the tape, take the gradient of the loss at the embeddings, and
 * embed each chunk again to carry it back. Costs one more forward pass.
 */
import { backward, keep, noGrad, scope, type Tensor } from '../../engine/index.js'
import { add, cast, mul } from '../../kernels/elementwise/index.js'
import { concat } from '../../kernels/join/index.js'
import { slice } from '../../kernels/layout/index.js'
import { sum } from '../../kernels/reduce/index.js'
import { gatherRows, sumOwnRows } from '../parallel/rows.js'
import type { Embeddings } from '../task.js'
import { contextOf } from './contexts.js'
import { backThrough, type GradientRequest, type LeafListener, type PartLoss } from './gradients.js'

/** Adds up the gradients of the parameters; the loss is one part, over everything. */
export async function cachedGradients(
  { task, samples, lossScale, place }: GradientRequest,
  chunks: readonly (readonly unknown[])[],
  onLeaf: (chunk: number) => LeafListener | undefined,
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
  const values = await readValues(all, contrast.onHost)
  const context = { ...contextOf(place, chunks.length), ownRows: { start, count: samples.length }, values }
  const result = scope(() => backThrough(contrast.objective(all, context), lossScale))
  const asked = Object.entries(all).flatMap(([name, { grad }]) => (grad ? [[name, grad] as const] : []))
  const gradients = await sumOwnRows(Object.fromEntries(asked), place.collective)
  for (const leaf of Object.values(all)) leaf.dispose()
  let first = 0
  for (const [n, chunk] of chunks.entries()) {
    const from = first
    scope(() => carryBack(embed(n), gradients, { first: from, count: chunk.length }, onLeaf(n)))
    task.device.flush()
    first += chunk.length
  }
  for (const gradient of Object.values(gradients)) gradient.dispose()
  return [{ ...result, share: 1 }]
}

/** Before the tape is on: a loss cannot wait for the device while it is recorded. */
async function readValues(all: Embeddings, names: readonly string[] = []): Promise<Record<string, Float32Array>> {
  const read = names.map(async (name) => [name, (await all[name]!.data()) as Float32Array] as const)
  return Object.fromEntries(await Promise.all(read))
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

/** Goes back from these rows through a chunk: the gradient of `sum(embeddings * gradients)` is what is wanted. */
function carryBack(
  embeddings: Embeddings,
  gradients: Embeddings,
  rows: { readonly first: number; readonly count: number },
  onLeaf: LeafListener | undefined,
): void {
  const products = Object.entries(embeddings).flatMap(([name, value]) => {
    const gradient = gradients[name]
    if (!gradient || !value.requiresGrad) return []
    const own = slice(gradient, [[rows.first, rows.first + rows.count]])
    return [sum(mul(cast(value, 'f32'), own))]
  })
  const all = products.reduce<Tensor | undefined>(
    (total, product) => (total ? add(total, product) : product),
    undefined,
  )
  if (all) backward(all, onLeaf && { onLeaf })
}
