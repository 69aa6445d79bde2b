import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noGrad, tensor } from '../../src/engine/index.js'
import { concat } from '../../src/kernels/join/index.js'
import { AttentionPooler, initializeWeights, ParameterScope } from '../../src/models/index.js'
import { largestError } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

describe('AttentionPooler', () => {
  it('pools tokens in parts as it pools them in one piece', async () => {
    const device = await testDevice()
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 99 }),
        async (list, n, seed) => {
          const parameters = new ParameterScope(device)
          const pooler = new AttentionPooler(parameters, { features: 12, heads: 3 })
          initializeWeights(parameters, seed)
          const bias = parameters.parameters.get('in_proj_bias')!
          bias.value.write(Array.from({ length: 36 }, (_, i) => Math.cos(i + seed)))
          const parts = list.map((size, p) =>
            tensor(
              device,
              Array.from({ length: n * size * 12 }, (_, i) => 2 * Math.sin(1.7 * i + p + seed)),
              [n, size, 12],
            ),
          )
          const found = noGrad(() => [pooler.applyParts(parts), pooler.apply(concat(parts, 1))])
          const [inParts, whole] = await Promise.all(found.map((value) => value.data()))
          for (const value of [...found, ...parts]) value.dispose()
          for (const parameter of parameters.parameters.values()) parameter.dispose()
          expect(largestError(inParts!, whole!)).toBeLessThan(5e-6)
        },
      ),
      { numRuns: 12 },
    )
  })
})
