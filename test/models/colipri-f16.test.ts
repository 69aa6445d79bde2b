/** Half-precision storage against the float64 reference of the golden cases. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { noGrad } from '../../src/engine/index.js'
import { cast } from '../../src/kernels/elementwise/index.js'
import manifest from '../golden/cases/manifest.json' with { type: 'json' }
import { loadModel } from '../golden/families/colipri/common.js'
import { towerInputs } from '../golden/families/colipri/towers.js'
import { readGolden } from '../golden/tensors.js'
import type { GoldenRow } from '../golden/types.js'
import { testDevice } from '../support/device.js'

const cases = fileURLToPath(new URL('../golden/cases', import.meta.url))
const rows = (manifest.cases as unknown as GoldenRow[]).filter(({ op }) => op === 'colipri_towers')

describe('COLIPRI in f16', () => {
  it.each(rows.map((row) => [row.id, row] as const))('%s: embeddings agree to a cosine of 0.9995', async (_, row) => {
    const device = await testDevice()
    if (!device.capabilities.f16) return
    const golden = await readGolden(join(cases, row.file))
    using model = await loadModel(row, cases, device, 'f16')
    const { volume, ids, mask } = towerInputs(device, golden)
    using halves = cast(volume!, 'f16')
    const found = noGrad(() => ({
      pooled_normalized: model.embedImage(halves),
      text_normalized_masked: model.embedText(ids, mask),
      text_normalized_unmasked: model.embedText(ids, mask, { maskedPooling: false }),
    }))
    for (const [name, embedding] of Object.entries(found)) {
      const [got, want] = [await embedding.data(), golden.values(`output.${name}`)]
      expect(lowestCosine(got, want, model.config.projectionFeatures), name).toBeGreaterThanOrEqual(0.9995)
      embedding.dispose()
    }
    for (const input of [volume, ids, mask]) input!.dispose()
  })
})

function lowestCosine(a: ArrayLike<number>, b: ArrayLike<number>, features: number): number {
  expect(a).toHaveLength(b.length)
  const cosines = Array.from({ length: a.length / features }, (_, row) => {
    let [dot, aa, bb] = [0, 0, 0]
    for (let n = row * features; n < (row + 1) * features; n++) {
      dot += a[n]! * b[n]!
      aa += a[n]! ** 2
      bb += b[n]! ** 2
    }
    return dot / Math.sqrt(aa * bb)
  })
  return Math.min(...cosines)
}
