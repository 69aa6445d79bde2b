/** Gradients of what is composed of operations: objectives and layers have no cases of their own. */
import { describe, expect, it } from 'vitest'
import { gradcheck, type Tensor, tensor } from '../../src/engine/index.js'
import { multiheadAttention } from '../../src/kernels/attention/index.js'
import { infoNCE, oppositeSentence, sigLip } from '../../src/kernels/contrastive/index.js'
import { diceCE } from '../../src/kernels/losses/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { caseValues } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const values = (shape: number[], seed: number): Tensor => tensor(device, caseValues({ shape }, seed), shape)

/** Central differences in f32 settle at some thousandths. */
async function check(fn: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Promise<void> {
  expect(await gradcheck(fn, inputs)).toBeLessThan(2e-2)
  for (const input of inputs) input.dispose()
}

describe('infoNCE', () => {
  const pair = () => [values([3, 4], 1), values([3, 4], 2), tensor(device, [0.5], [])]
  const positives = tensor(device, new Uint32Array([1, 1, 0, 0, 1, 0, 1, 0, 1]), [3, 3])

  it('of matching pairs, with a learned temperature', () =>
    check((image, text, temperature) => infoNCE(image!, text!, { temperature: temperature! }).loss, pair()))

  it('one way, smoothed', () =>
    check(
      (image, text, temperature) =>
        infoNCE(image!, text!, { temperature: temperature!, symmetric: false, labelSmoothing: 0.1 }).loss,
      pair(),
    ))

  for (const mode of ['inside', 'outside'] as const) {
    it(`of several positives, the sum ${mode} the logarithm`, () =>
      check(
        (image, text, temperature) =>
          infoNCE(image!, text!, { temperature: temperature!, positives: { mask: positives, mode } }).loss,
        pair(),
      ))
  }
})

describe('sigLip', () => {
  it('with learned scale and bias', () =>
    check(
      (image, text, logScale, bias) => sigLip(image!, text!, { logScale: logScale!, bias: bias! }),
      [values([3, 4], 1), values([3, 4], 2), tensor(device, [0.3], []), tensor(device, [-0.4], [])],
    ))
})

describe('oppositeSentence', () => {
  it('with ignored slots', () => {
    const label = tensor(device, new Int32Array([1, 0, -1, 1]), [2, 2])
    return check(
      (image, positive, negative, temperature) =>
        oppositeSentence(image!, positive!, negative!, label, { temperature: temperature! }),
      [values([2, 3], 1), values([2, 2, 3], 2), values([2, 2, 3], 3), tensor(device, [0.5], [])],
    )
  })
})

describe('diceCE', () => {
  it('over a small volume', () => {
    const label = tensor(device, new Int32Array([0, 1, 2, 1]), [1, 1, 2, 2])
    return check((logits) => diceCE(logits!, label).loss, [values([1, 1, 2, 2, 3], 1)])
  })
})

describe('multiheadAttention', () => {
  it('through packed projections and a key padding mask', () => {
    const keyPaddingMask = tensor(device, new Uint32Array([1, 1, 0]), [1, 3])
    return check(
      (query, keyValue, inProjWeight, outProjWeight) =>
        sum(
          multiheadAttention(query!, keyValue!, {
            inProjWeight: inProjWeight!,
            outProjWeight: outProjWeight!,
            heads: 2,
            keyPaddingMask,
          }),
        ),
      [values([1, 2, 4], 1), values([1, 3, 4], 2), values([12, 4], 3), values([4, 4], 4)],
    )
  })
})
