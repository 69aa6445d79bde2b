/** Rows of all ranks, and back: the pair that gives a gathered tensor its gradient. */
import { keep, scope, type Tensor, tensor } from '../../engine/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import type { Collective } from './collective.js'
import { CollectiveError } from './errors.js'

type Tensors = Readonly<Record<string, Tensor>>

/**
 * The rows of all ranks in their order, `[R * N, ...]` of each f32 tensor `[N, ...]`: one transfer from the device and one
 * message, however many tensors there are. Takes over and disposes `own`; the results are kept beyond scopes.
 *
 * Throws CollectiveError when ranks have different numbers of rows.
 */
export async function gatherRows(own: Tensors, collective: Collective): Promise<Record<string, Tensor>> {
  if (collective.size === 1) return { ...own }
  const entries = Object.entries(own)
  const values = await readFlat(entries.map(([, value]) => value))
  await checkSizes(values.length, collective)
  const all = await collective.allGather(values)
  const result: Record<string, Tensor> = {}
  let first = 0
  for (const [name, value] of entries) {
    const rows = new Float32Array(value.size * collective.size)
    for (let rank = 0; rank < collective.size; rank++) {
      const start = rank * values.length + first
      rows.set(all.subarray(start, start + value.size), rank * value.size)
    }
    result[name] = keep(tensor(value.device, rows, [value.shape[0]! * collective.size, ...value.shape.slice(1)]))
    first += value.size
    value.dispose()
  }
  return result
}

/**
 * The way back of {@link gatherRows}: for f32 gradients `[R * N, ...]` at gathered tensors, the sum over the ranks of what
 * each asks of this rank's own rows, `[N, ...]`. The results are kept beyond scopes; the gradients stay the caller's.
 */
export async function sumOwnRows(gradients: Tensors, collective: Collective): Promise<Record<string, Tensor>> {
  const entries = Object.entries(gradients)
  if (entries.length === 0) return {}
  if (collective.size === 1) {
    return Object.fromEntries(entries.map(([name, value]) => [name, keep(value.alias())]))
  }
  const values = await readFlat(entries.map(([, value]) => value))
  await collective.allReduceSum(values)
  const result: Record<string, Tensor> = {}
  let first = 0
  for (const [name, { device, size, shape }] of entries) {
    const ownSize = size / collective.size
    const start = first + collective.rank * ownSize
    const rows = values.slice(start, start + ownSize)
    result[name] = keep(tensor(device, rows, [shape[0]! / collective.size, ...shape.slice(1)]))
    first += size
  }
  return result
}

async function readFlat(tensors: readonly Tensor[]): Promise<Float32Array> {
  using flat = scope(() =>
    concat(
      tensors.map((value) => reshape(value.detach(), [value.size])),
      0,
    ),
  )
  return (await flat.data()) as Float32Array
}

/** MPI would mix up what has different lengths. */
async function checkSizes(size: number, collective: Collective): Promise<void> {
  // In two parts, each exact in f32.
  const sizes = await collective.allGather(Float32Array.of(Math.floor(size / 2 ** 20), size % 2 ** 20))
  const all = Array.from({ length: collective.size }, (_, n) => sizes[2 * n]! * 2 ** 20 + sizes[2 * n + 1]!)
  if (all.every((other) => other === size)) return
  throw new CollectiveError(
    `gatherRows: ranks have embeddings of ${all.join(', ')} numbers. Every rank must have as many samples`,
  )
}
