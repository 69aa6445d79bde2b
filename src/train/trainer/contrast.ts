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
import type { Collective } from '../parallel/collective.js'
import { gatherRows, sumOwnRows } from '../parallel/rows.js'
import type { Embeddings, TaskLoss } from '../task.js'
import { contextOf } from './contexts.js'
import { backThrough, type GradientRequest, inTurn, type LeafListener, offTape, type PartLoss } from './gradients.js'

/** Adds up the gradients of the parameters. Parts of the loss: the contrast, over everything, and the rest of every chunk. */
export async function cachedGradients(
  { task, samples, lossScale, place, microBatchSize }: GradientRequest,
  chunks: readonly (readonly unknown[])[],
  onLeaf: (chunk: number) => LeafListener | undefined,
): Promise<PartLoss[]> {
  const contrast = task.contrast!
  const batchOf = (n: number) => {
    const context = contextOf(place, n, n * microBatchSize)
    return { batch: task.collate(chunks[n]!, context), context }
  }
  const counts: Readonly<Record<string, number>>[] = []
  const parts = await inTurn(task.device, chunks, (_, n) =>
    scope(() =>
      noGrad(() => {
        const { batch, context } = batchOf(n)
        counts.push(contrast.rest?.counts(batch) ?? {})
        return contrast.embed(batch, context)
      }),
    ),
  )
  const shares = await sharesOf(counts, place.collective)
  const all = await gatherRows(joinChunks(parts), place.collective)
  for (const leaf of Object.values(all)) leaf.setRequiresGrad()
  const start = place.collective.rank * samples.length
  // Draws of the objective are none of a chunk's.
  const values = await readValues(all, contrast.onHost)
  const context = { ...contextOf(place, chunks.length, 0), ownRows: { start, count: samples.length }, values }
  const result = scope(() => backThrough(contrast.objective(all, context), lossScale))
  const asked = Object.entries(all).flatMap(([name, { grad }]) => (grad ? [[name, grad] as const] : []))
  const gradients = await sumOwnRows(Object.fromEntries(asked), place.collective)
  for (const leaf of Object.values(all)) leaf.dispose()
  const rests = await inTurn(task.device, chunks, (chunk, n) =>
    scope(() => {
      const { batch, context } = batchOf(n)
      const own = contrast.rest?.embed(batch, context, shares[n]!) ?? {
        embeddings: contrast.embed(batch, context),
        rest: undefined,
      }
      const rows = { first: n * microBatchSize, count: chunk.length }
      carryBack(own, gradients, { rows, lossScale, onLeaf: onLeaf(n) })
      return own.rest && offTape(own.rest)
    }),
  )
  for (const gradient of Object.values(gradients)) gradient.dispose()
  return [result, ...rests.filter((rest) => rest !== undefined)].map((part) => ({ ...part, share: 1 }))
}

/** What part of the things of a term is in each chunk: of those of all ranks, times the ranks over which means are taken. */
async function sharesOf(
  counts: readonly Readonly<Record<string, number>>[],
  collective: Collective,
): Promise<Record<string, number>[]> {
  const names = Object.keys(counts[0]!)
  if (names.length === 0) return counts.map(() => ({}))
  const totals = Float32Array.from(names, (name) => counts.reduce((sum, own) => sum + own[name]!, 0))
  await collective.allReduceSum(totals)
  return counts.map((own) =>
    Object.fromEntries(names.map((name, n) => [name, (own[name]! * collective.size) / Math.max(1, totals[n]!)])),
  )
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

/** Goes back through a chunk: the gradient of `sum(embeddings * gradients)` and of the rest is what is wanted. */
function carryBack(
  { embeddings, rest }: { readonly embeddings: Embeddings; readonly rest: TaskLoss | undefined },
  gradients: Embeddings,
  { rows, lossScale, onLeaf }: CarryOptions,
): void {
  const products = Object.entries(embeddings).flatMap(([name, value]) => {
    const gradient = gradients[name]
    if (!gradient || !value.requiresGrad) return []
    const own = slice(gradient, [[rows.first, rows.first + rows.count]])
    return [sum(mul(cast(value, 'f32'), own))]
  })
  const terms = rest ? [...products, mul(cast(rest.loss, 'f32'), lossScale)] : products
  if (terms.length > 0) backward(terms.reduce(add), onLeaf && { onLeaf })
}

interface CarryOptions {
  /** Of the gradients, which are those of the chunk. */
  readonly rows: { readonly first: number; readonly count: number }
  /** Of the rest; the gradients have it already. */
  readonly lossScale: number
  readonly onLeaf: LeafListener | undefined
}
