/** Vectors of a model on the host. */
import { type Device, keep, noGrad, scope, type Tensor, tensor } from '../../engine/index.js'
import { cast } from '../../kernels/elementwise/index.js'

/** Rows of a tensor `[N, E]` that `make` records without a tape. */
export async function rowsOf(make: () => Tensor): Promise<Float32Array[]> {
  const made = keep(noGrad(() => scope(() => cast(make(), 'f32'))))
  const [rows, length] = made.shape as [number, number]
  const values = Float32Array.from(await made.data())
  made.dispose()
  return Array.from({ length: rows }, (_, row) => values.slice(row * length, (row + 1) * length))
}

/** Rows for many inputs, some at a time. */
export async function rowsInBatches<Item>(
  items: readonly Item[],
  make: (part: readonly Item[]) => Tensor,
  size = 16,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = []
  for (let n = 0; n < items.length; n += size) rows.push(...(await rowsOf(() => make(items.slice(n, n + size)))))
  return rows
}

/** Volumes of one grid as `[N, D, H, W, 1]`. */
export function volumeBatch(
  device: Device,
  samples: readonly { readonly image: Float32Array; readonly shape: readonly [number, number, number] }[],
  dtype: 'f32' | 'f16',
): Tensor {
  const { shape } = samples[0]!
  const voxels = shape[0] * shape[1] * shape[2]
  const values = new Float32Array(samples.length * voxels)
  for (const [n, { image }] of samples.entries()) values.set(image, n * voxels)
  return scope(() => cast(tensor(device, values, [samples.length, ...shape, 1]), dtype))
}
