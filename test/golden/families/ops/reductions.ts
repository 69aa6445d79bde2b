import type { Tensor } from '../../../../src/engine/index.js'
import { argMax, argMin } from '../../../../src/kernels/argreduce/index.js'
import { batchNorm } from '../../../../src/kernels/batch-norm/index.js'
import { cumsum } from '../../../../src/kernels/cumsum/index.js'
import { permute } from '../../../../src/kernels/layout/index.js'
import { groupNorm, instanceNorm, layerNorm, rmsNorm } from '../../../../src/kernels/norm/index.js'
import { max, mean, min, sum } from '../../../../src/kernels/reduce/index.js'
import { logSoftmax, logSumExp, softmax } from '../../../../src/kernels/softmax/index.js'
import { topK } from '../../../../src/kernels/topk/index.js'
import { normL2, variance } from '../../../../src/kernels/variance/index.js'
import type { OpAdapter, OpAdapters } from './adapter.js'

/** `[N, C, ...]` as `[N, ..., C]` */
export function channelsLast(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis)
  return permute(x, [0, ...axes.slice(2), 1])
}

/** `[N, ..., C]` as `[N, C, ...]` */
export function channelsFirst(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis)
  return permute(x, [0, axes.length - 1, ...axes.slice(1, -1)])
}

const overAxes =
  (fn: (x: Tensor, options: { axes: number | number[]; keepDims: boolean }) => Tensor): OpAdapter =>
  ({ x, params }) => ({ y: fn(x.x!, { axes: params.axes, keepDims: params.keepdim }) })

const alongAxis =
  (fn: (x: Tensor, options: { axis: number }) => Tensor): OpAdapter =>
  ({ x, params }) => ({ y: fn(x.x!, { axis: params.axis }) })

export const reductionsAdapters: OpAdapters = {
  sum: overAxes(sum),
  mean: overAxes(mean),
  amax: overAxes(max),
  amin: overAxes(min),
  var: overAxes(variance),
  var_unbiased: overAxes((x, options) => variance(x, { ...options, unbiased: true })),
  norm_l2: overAxes(normL2),
  argmax: alongAxis(argMax),
  argmin: alongAxis(argMin),
  softmax: alongAxis(softmax),
  log_softmax: alongAxis(logSoftmax),
  logsumexp: ({ x, params }) => ({ y: logSumExp(x.x!, { axes: params.axis, keepDims: params.keepdim ?? false }) }),
  cumsum: alongAxis(cumsum),
  topk: ({ x, params }) => ({ ...topK(x.x!, { k: params.k, axis: params.axis }) }),
  layer_norm: ({ x, params }) => ({
    y: layerNorm(x.x!, { weight: x.weight, bias: x.bias, eps: params.eps, axes: params.axes }),
  }),
  layer_norm_channels_first: ({ x, params }) => ({
    y: channelsFirst(layerNorm(channelsLast(x.x!), { weight: x.weight, bias: x.bias, eps: params.eps })),
  }),
  rms_norm: ({ x, params }) => ({ y: rmsNorm(x.x!, { weight: x.weight, eps: params.eps, axes: params.axes }) }),
  group_norm: ({ x, params }) => ({
    y: channelsFirst(
      groupNorm(channelsLast(x.x!), { groups: params.groups, weight: x.weight, bias: x.bias, eps: params.eps }),
    ),
  }),
  instance_norm3d: ({ x, params }) => ({
    y: channelsFirst(instanceNorm(channelsLast(x.x!), { weight: x.weight, bias: x.bias, eps: params.eps })),
  }),
  batch_norm3d: ({ x, params }) => {
    const { y, runningMean, runningVar } = batchNorm(channelsLast(x.x!), {
      weight: x.weight,
      bias: x.bias,
      runningMean: x.running_mean,
      runningVar: x.running_var,
      training: params.training,
      momentum: params.momentum,
      eps: params.eps,
    })
    return { y: channelsFirst(y), running_mean: runningMean!, running_var: runningVar! }
  },
}
