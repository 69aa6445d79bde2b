/** The case `dropout`: training with stored masks instead of random ones. */
import { backward, type Device, scope, type Tensor, tensor } from '../../../../src/engine/index.js'
import { add, mul } from '../../../../src/kernels/elementwise/index.js'
import { indexSelect } from '../../../../src/kernels/gather/index.js'
import { expand, permute, slice } from '../../../../src/kernels/layout/index.js'
import { l2Normalize } from '../../../../src/kernels/losses/index.js'
import { matmul } from '../../../../src/kernels/matmul/index.js'
import { sum } from '../../../../src/kernels/reduce/index.js'
import { softmax } from '../../../../src/kernels/softmax/index.js'
import type { Dropping } from '../../../../src/models/index.js'
import type { GoldenFile } from '../../tensors.js'
import {
  checkGradients,
  checkOutputs,
  configOf,
  integers,
  loadModel,
  open,
  organsTogether,
  type Runner,
  volumeOf,
} from './common.js'

/** Keeps what the stored masks keep. Attention is composed here, since the fused one draws its own masks. */
function storedMasks(device: Device, golden: GoldenFile, rate: (place: string) => number): Dropping {
  const maskOf = (place: string, shape: readonly number[]): Tensor => {
    const scale = 1 / (1 - rate(place))
    const stored = golden.entry(`mask.${place}`).shape
    // The pooling's mask is of one sample and one query, heads first.
    const own = stored.length === shape.length ? stored : [1, ...stored]
    const mask = tensor(
      device,
      golden.values(`mask.${place}`).map((flag) => flag * scale),
      own,
    )
    return expand(mask, shape)
  }
  return {
    drop: (place, x) => mul(x, maskOf(place, x.shape)),
    attend(place, query, key, value, { keyPaddingMask, bias }) {
      const heads = (x: Tensor) => permute(x, [0, 2, 1, 3])
      const scores = mul(matmul(heads(query), heads(key), { transposeB: true }), 1 / Math.sqrt(query.shape[3]!))
      const padding = keyPaddingMask && tensorOfPadding(golden, device, keyPaddingMask)
      const extra = bias ?? padding
      const weights = softmax(extra ? add(scores, extra) : scores, { axis: -1 })
      return heads(matmul(mul(weights, maskOf(place, weights.shape)), heads(value)))
    },
  }
}

/** -10000 at padding, as the reference adds it. */
function tensorOfPadding(golden: GoldenFile, device: Device, mask: Tensor): Tensor {
  const [n, t] = mask.shape as [number, number]
  const flags = golden.values('input.attention_mask')
  return tensor(
    device,
    Float32Array.from(flags, (flag) => (flag ? 0 : -10000)),
    [n, 1, 1, t],
  )
}

export const runDropout: Runner = async (row, dir, device) => {
  const { p } = configOf(row)
  const golden = await open(row, dir)
  const model = await loadModel(row, dir, device)
  const dropping = storedMasks(device, golden, (place) => {
    if (place.startsWith('visual_encoder.')) return p.vision
    if (place === 'attention') return p.pooling_attention
    return place.endsWith('.self.dropout') ? p.text_attention : p.text_hidden
  })
  const volume = volumeOf(device, golden, 'input.image')
  const [ids, mask] = [integers(device, golden, 'input.input_ids'), integers(device, golden, 'input.attention_mask')]
  const chosen = golden.values('input.pool_tokens')
  const results = scope(() => {
    const { levels } = model.vision.encode(volume, dropping)
    const index = tensor(device, Int32Array.from(chosen))
    const keys = levels.map((level) => indexSelect(slice(level, [[0, 1]]), index, { axis: 1 }))
    const { anatomies } = model.config
    const everything = new Uint8Array(anatomies.length * chosen.length).fill(1)
    const { pooled, unit } = organsTogether(model.pooling.apply(keys, everything, { dropping }))
    // The case pools with the query of the heart.
    const organ = anatomies.indexOf('heart')
    const hidden = model.text.backbone.apply(ids, mask, dropping)
    const own = (x: Tensor) =>
      slice(x, [
        [0, 1],
        [organ, organ + 1],
      ])
    const text_unit = l2Normalize(model.text.project(hidden), { axis: 1 })
    return {
      ...Object.fromEntries(levels.map((level, i) => [`level${i}`, level])),
      pooled: own(pooled),
      unit: own(unit),
      last_hidden_state: hidden,
      text_unit,
    }
  })
  const checks = await checkOutputs(row, golden, results)
  scope(() => {
    const product = (name: 'unit' | 'text_unit') =>
      sum(mul(results[name], tensor(device, golden.values(`cotangent.${name}`), results[name].shape)))
    backward(add(product('unit'), product('text_unit')))
  })
  checks.push(...(await checkGradients(row, golden, model)))
  for (const value of [...Object.values(results), volume, ids, mask]) value.dispose()
  model.dispose()
  return checks
}
