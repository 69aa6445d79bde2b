/** The optimizer and the learning rates that a configuration asks for. */
import { AdamW } from '../adamw.js'
import type { OptimizerOptions, ScheduleOptions } from '../config/schema.js'
import type { Optimizer, ParameterGroups } from '../optimizer.js'
import { epochCosine, warmupCosine, warmupPoly } from '../schedules.js'
import { SGD } from '../sgd.js'

export function makeOptimizer({ name, ...options }: OptimizerOptions, groups: ParameterGroups): Optimizer {
  return name === 'adamw' ? new AdamW(groups, options) : new SGD(groups, options)
}

/** The learning rate of a step, from 0. */
export function makeSchedule(
  options: ScheduleOptions,
  { base, steps, stepsPerEpoch }: { readonly base: number; readonly steps: number; readonly stepsPerEpoch: number },
): (step: number) => number {
  switch (options.name) {
    case 'constant':
      return (step) => base * Math.min(1, options.warmup === 0 ? 1 : step / options.warmup)
    case 'cosine':
      return warmupCosine({ base, total: steps, warmup: options.warmup, min: options.min })
    case 'poly':
      return warmupPoly({ base, total: steps, warmup: options.warmup, exponent: options.exponent })
    case 'epochCosine': {
      const { warmup, warmupStart, min } = options
      const rate = epochCosine({ base, warmup, warmupStart, min, epochs: Math.ceil(steps / stepsPerEpoch) })
      return (step) => rate(Math.floor(step / stepsPerEpoch), step % stepsPerEpoch)
    }
  }
}
