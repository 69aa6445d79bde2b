/** The tables of preferred variants that ship with the package. */
import { describe, expect, it } from 'vitest'
import { countBuckets } from '../../src/engine/index.js'
import { definedKernel } from '../../src/engine/kernel.js'
import { deviceKinds } from '../../src/kernels/index.js'
import { shippedTables } from '../../src/kernels/shipped-tables.js'
import { loadAllKernels } from '../support/modules.js'

await loadAllKernels()

describe('the shipped tables', () => {
  it('are there for every kind of device, and say what they were measured on', () => {
    expect(Object.keys(shippedTables)).toEqual(expect.arrayContaining([...deviceKinds]))
    for (const { preferences, measuredOn } of Object.values(shippedTables)) {
      expect(measuredOn !== undefined).toBe(countBuckets(preferences) > 0)
    }
  })

  it('name kernels and variants that exist', () => {
    const unknown = Object.entries(shippedTables).flatMap(([kind, { preferences }]) =>
      Object.entries(preferences).flatMap(([kernel, buckets]) => {
        const variants = definedKernel(kernel)?.variants.map(({ name }) => name) ?? []
        const names = [...new Set(Object.values(buckets).flat())]
        return names.filter((name) => !variants.includes(name)).map((name) => `${kind}: ${kernel}/${name}`)
      }),
    )
    expect(unknown).toEqual([])
  })
})
