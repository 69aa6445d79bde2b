import { backward, scope, type Tensor, tensor } from '../../../../src/engine/index.js'
import { gelu } from '../../../../src/kernels/elementwise/index.js'
import { crossEntropy } from '../../../../src/kernels/losses/index.js'
import { linear } from '../../../../src/kernels/matmul/index.js'
import { layerNorm } from '../../../../src/kernels/norm/index.js'
import {
  AdamW,
  clipGradNorm,
  cosine,
  Ema,
  type Optimizer,
  type Schedule,
  SGD,
  warmupCosine,
  warmupPoly,
} from '../../../../src/train/index.js'
import type { OpAdapter, OpAdapters, OpInputs, OpOutputs } from './adapter.js'

/** The tensors p0, p1, ... or g0, g1, ... of a case. */
const numbered = (x: OpInputs['x'], letter: string): Tensor[] => {
  const list: Tensor[] = []
  for (let tensor = x[`${letter}0`]; tensor; tensor = x[`${letter}${list.length}`]) list.push(tensor)
  return list
}

/** Settings of a trajectory beside the optimizer's own. */
interface Trajectory {
  readonly steps: number
  readonly lrs?: readonly number[]
  readonly clip_norm?: number
  readonly ema?: number
}

/** Runs the given gradients through an optimizer and lists every value after every step. */
async function trajectory(inputs: OpInputs, optimizer: Optimizer): Promise<OpOutputs> {
  const { device, x } = inputs
  const { steps, lrs, clip_norm, ema: decay } = inputs.params as Trajectory
  const parameters = numbered(x, 'p')
  const gradients = await Promise.all(numbered(x, 'g').map((gradient) => gradient.data()))
  const ema = decay === undefined ? undefined : new Ema(parameters, decay)
  const outputs: Record<string, number[]> = {}
  const append = async (name: string, value: Tensor) => {
    outputs[name] = [...(outputs[name] ?? []), ...(await value.data())]
  }
  for (let s = 0; s < steps; s++) {
    for (const [k, parameter] of parameters.entries()) {
      const { size, shape } = parameter
      parameter.grad = tensor(device, gradients[k]!.slice(s * size, (s + 1) * size), shape)
    }
    if (clip_norm !== undefined) await append('norms', clipGradNorm(parameters, clip_norm))
    if (lrs) optimizer.lr = lrs[s]!
    optimizer.step()
    optimizer.zeroGrad()
    ema?.update()
    for (const [k, parameter] of parameters.entries()) await append(`p${k}`, parameter)
    for (const [k, average] of ema?.averages.entries() ?? []) await append(`ema${k}`, average)
  }
  optimizer.dispose()
  ema?.dispose()
  return outputs
}

const adamw: OpAdapter = (inputs) => {
  const { lr, betas, eps, weight_decay } = inputs.params
  return trajectory(inputs, new AdamW(numbered(inputs.x, 'p'), { lr, betas, eps, weightDecay: weight_decay }))
}

const sgd: OpAdapter = (inputs) => {
  const { lr, momentum, nesterov, dampening, weight_decay } = inputs.params
  const options = { lr, momentum, nesterov, dampening, weightDecay: weight_decay }
  return trajectory(inputs, new SGD(numbered(inputs.x, 'p'), options))
}

const clip: OpAdapter = async ({ x, device, params }) => {
  const gradients = numbered(x, 'g')
  const parameters = await Promise.all(
    gradients.map(async (gradient) => {
      const parameter = tensor(device, await gradient.data(), gradient.shape)
      parameter.grad = gradient
      return parameter
    }),
  )
  const norm = clipGradNorm(parameters, params.max_norm)
  for (const parameter of parameters) {
    parameter.grad = undefined
    parameter.dispose()
  }
  return { norm, ...Object.fromEntries(gradients.map((gradient, k) => [`g${k}`, gradient])) }
}

/** Which schedule a case means: it says so by its options. */
function scheduleOf({ base, warmup, total, min, exponent }: OpInputs['params']): Schedule {
  if (exponent !== undefined) return warmupPoly({ base, warmup, total, exponent })
  return warmup === undefined ? cosine({ base, total, min }) : warmupCosine({ base, warmup, total, min })
}

const schedule: OpAdapter = ({ params }) => {
  const lr = scheduleOf(params)
  return { lr: Array.from({ length: params.total + 1 }, (_, step) => lr(step)) }
}

/** fc1, layer norm, gelu, fc2, cross-entropy; every step with the whole batch. */
const trainMlp: OpAdapter = async ({ x, params }) => {
  const names = ['fc1.weight', 'fc1.bias', 'norm.weight', 'norm.bias', 'fc2.weight', 'fc2.bias']
  const parameters = names.map((name) => x[name]!.setRequiresGrad())
  const { lr, betas, eps, weight_decay } = params
  const optimizer = new AdamW(parameters, { lr, betas, eps, weightDecay: weight_decay })
  const losses: number[] = []
  for (let s = 0; s < params.steps; s++) {
    const loss = scope(() => {
      const hidden = linear(x.x!, x['fc1.weight']!, { bias: x['fc1.bias']! })
      const normed = layerNorm(hidden, { weight: x['norm.weight']!, bias: x['norm.bias']! })
      const logits = linear(gelu(normed), x['fc2.weight']!, { bias: x['fc2.bias']! })
      const entropy = crossEntropy(logits, x.target!)
      backward(entropy)
      optimizer.step()
      optimizer.zeroGrad()
      return entropy
    })
    losses.push(await loss.item())
    loss.dispose()
  }
  optimizer.dispose()
  return { losses, ...Object.fromEntries(names.map((name) => [name, x[name]!])) }
}

export const optimizerAdapters: OpAdapters = {
  adamw,
  sgd,
  clip_grad_norm: clip,
  lr_schedule: schedule,
  train_mlp: trainMlp,
}
