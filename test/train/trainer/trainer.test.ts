/** The training loop on a small regression: what it learns, how it goes on, and what it refuses. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { openSafetensors, toFloat32 } from '../../../src/data/index.js'
import type { Tensor } from '../../../src/engine/index.js'
import { square, tanh } from '../../../src/kernels/elementwise/index.js'
import { slice, transpose } from '../../../src/kernels/layout/index.js'
import { linear, matmul } from '../../../src/kernels/matmul/index.js'
import { mean } from '../../../src/kernels/reduce/index.js'
import type {
  Collective,
  Embeddings,
  EvaluationEvent,
  ObjectiveContext,
  StepEvent,
  TrainingTask,
} from '../../../src/train/index.js'
import { checkConfig, soloCollective, type TrainerOptions, train } from '../../../src/train/index.js'
import { testDevice } from '../../support/device.js'
import { openTask, regressionRecipe } from '../../support/regression.js'
import { killedConfig } from './killed-config.js'

const device = await testDevice()
const root = mkdtempSync(join(tmpdir(), 'voxgrad-train-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = () => join(root, String(folders++))

interface Run {
  readonly steps: StepEvent[]
  readonly evaluations: EvaluationEvent[]
  readonly stopped: boolean
  readonly weights: Float32Array
}

/** Trains in a folder, and stops behind a step where it is told to. */
async function run(
  settings: Record<string, unknown>,
  {
    folder = newFolder(),
    stopAt,
    output = {},
    options = {},
    ...more
  }: Partial<TrainerOptions> & { stopAt?: number; output?: object; options?: object } = {},
): Promise<Run> {
  const config = checkConfig(
    { train: { steps: 6, clip: 1, ...settings }, output, ...options },
    'test',
    regressionRecipe,
  )
  const task = openTask(device, options, config.train.precision)
  const stop = new AbortController()
  const steps: StepEvent[] = []
  const evaluations: EvaluationEvent[] = []
  const observer = {
    onStep: (event: StepEvent) => {
      steps.push(event)
      if (event.step === stopAt) stop.abort()
    },
    onEvaluation: (event: EvaluationEvent) => void evaluations.push(event),
  }
  try {
    const { stopped } = await train(task, { config, folder, observers: [observer], stop: stop.signal, ...more })
    const weights = (await task.parameters.get('first.weight')!.value.data()) as Float32Array
    return { steps, evaluations, stopped, weights: weights.slice() }
  } finally {
    task.dispose()
  }
}

const losses = ({ steps }: Run) => steps.map(({ loss }) => loss)
const checkpointsOf = (folder: string) => readdirSync(join(folder, 'checkpoints')).sort()

describe('training', () => {
  it('learns, in the same memory at every step, and leaves weights that can be read', async () => {
    const before = device.memory()
    const folder = newFolder()
    const { steps, evaluations, weights } = await run(
      { epochs: 40, steps: undefined, ema: 0.9 },
      { folder, output: { validateEvery: 30 }, options: { model: { dropout: 0 } } },
    )
    expect(steps).toHaveLength(120)
    expect(steps[3]).toMatchObject({ step: 4, epoch: 1, totalSteps: 120, skipped: false })
    const average = (list: readonly StepEvent[]) => list.reduce((sum, { loss }) => sum + loss, 0) / list.length
    expect(average(steps.slice(-6))).toBeLessThan(0.2 * average(steps.slice(0, 6)))
    expect(new Set(steps.slice(10, 28).map(({ liveBytes }) => liveBytes)).size).toBe(1)
    expect(evaluations.map(({ step }) => step)).toEqual([30, 60, 90, 120])
    expect(evaluations.at(-1)!.scores.fit).toBeGreaterThan(evaluations[0]!.scores.fit!)
    expect(device.memory().liveStorages).toBe(before.liveStorages)
    await using file = await openSafetensors(join(folder, 'model.safetensors'))
    expect(file.metadata).toEqual({ 'voxgrad.model': 'regression' })
    // In the layout of the model's publication, and averages rather than the last values.
    expect(file.header('turned.weight').shape).toEqual([1, 3, 2])
    expect(toFloat32(await file.read('first.weight'))).not.toEqual(weights)
  })

  it('gives the gradient of the whole batch whatever the micro-batches', async () => {
    const settings = { steps: 3, optimizer: { name: 'sgd', lr: 0.1 } }
    const options = { model: { dropout: 0 } }
    const whole = await run(settings, { options })
    const parts = await run({ ...settings, microBatchSize: 3 }, { options })
    for (const [n, loss] of losses(whole).entries()) expect(losses(parts)[n]).toBeCloseTo(loss, 5)
    for (const [n, value] of whole.weights.entries()) expect(parts.weights[n]).toBeCloseTo(value, 5)
  })

  it('trains f16 weights from f32 copies, and leaves out steps whose gradients overflow', async () => {
    const settings = { precision: 'f16', lossScale: { initial: 2 ** 24, growthSteps: 8 }, steps: 60 }
    const { steps } = await run(settings, { options: { model: { dropout: 0 } } })
    expect(steps[0]!.skipped).toBe(true)
    expect(steps[1]!.lossScale).toBe(2 ** 23)
    expect(steps.filter(({ skipped }) => !skipped).length).toBeGreaterThan(40)
    expect(Math.max(...losses({ steps } as Run).slice(-6))).toBeLessThan(0.5 * losses({ steps } as Run)[0]!)
  })

  it('names the step and the remedy when the loss is not finite', async () => {
    await expect(run({}, { options: { data: { bad: 3 } } })).rejects.toThrow(
      /step [0-2]: the loss is Infinity\. Look at the samples.*lower train\.optimizer\.lr/,
    )
  })
})

describe('selection', () => {
  it('freezes and scales by name, and does not let biases decay', async () => {
    const start = openTask(device)
    const first = await start.parameters.get('first.weight')!.value.data()
    start.dispose()
    expect((await run({ freeze: ['first.*'] })).weights).toEqual(first)
    expect((await run({ groups: [{ match: ['first.weight'], lrScale: 0 }] })).weights).toEqual(first)
    const decayed = await run({ steps: 1, optimizer: { lr: 0.1, weightDecay: 0.5 } })
    const plain = await run({ steps: 1, optimizer: { lr: 0.1, weightDecay: 0 } })
    expect(decayed.weights).not.toEqual(plain.weights)
  })

  it('refuses a glob that matches nothing, and to learn nothing', async () => {
    await expect(run({ freeze: ['frist.*'] })).rejects.toThrow(
      /train\.freeze: 'frist\.\*' matches none.*first\.(weight|bias)/,
    )
    await expect(run({ groups: [{ match: ['x'] }] })).rejects.toThrow('train.groups.0.match')
    await expect(run({ freeze: ['*'] })).rejects.toThrow('to learn')
    await expect(run({ batchSize: 13 })).rejects.toThrow('13 samples')
    await expect(run({}, { output: { bestMetric: 'auroc' } })).rejects.toThrow("has no 'auroc'. It has fit, error")
  })
})

describe('resuming', () => {
  const cases: Record<string, Record<string, unknown>> = {
    'AdamW with averages and micro-batches': { ema: 0.9, microBatchSize: 2, epochs: 2, steps: undefined },
    'SGD with momentum': { optimizer: { name: 'sgd', lr: 0.05, momentum: 0.9 } },
    'f16 while the loss scale moves': { precision: 'f16', lossScale: { initial: 2 ** 24, growthSteps: 2 } },
  }
  it.each(Object.keys(cases))('%s goes on to the bit', async (name) => {
    const settings = cases[name]!
    const whole = await run(settings)
    for (const stopAt of [1, 4]) {
      const folder = newFolder()
      const before = await run(settings, { folder, stopAt })
      expect(before.stopped).toBe(true)
      const after = await run(settings, { folder, resume: true })
      expect([...losses(before), ...losses(after)]).toEqual(losses(whole))
      expect(after.weights).toEqual(whole.weights)
    }
  })

  it('keeps the last checkpoints, and refuses those of another run', async () => {
    const folder = newFolder()
    await run({}, { folder, output: { saveEvery: 2, keepLast: 2 } })
    expect(checkpointsOf(folder)).toEqual(['step-00000004', 'step-00000006'])
    await expect(run({}, { folder })).rejects.toThrow('has checkpoints')
    await expect(run({ clip: 2 }, { folder, resume: true })).rejects.toThrow('another configuration')
    const again = await run({}, { folder, resume: true })
    expect(again.steps).toEqual([])
    expect(readFileSync(join(folder, 'best.safetensors')).length).toBeGreaterThan(100)
  })

  it('loses at most the save in which it was killed', async () => {
    const folder = newFolder()
    const child = fileURLToPath(new URL('./killed-child.ts', import.meta.url))
    const script = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url))
    const signal = await new Promise((resolve) => {
      execFile(process.execPath, [script, child, folder], (error) => resolve(error?.signal ?? error?.code))
    })
    expect(signal).toBe('SIGKILL')
    expect(checkpointsOf(folder)).toEqual(['step-00000002', 'step-00000004.part'])
    const steps: StepEvent[] = []
    const task = openTask(device)
    const observers = [{ onStep: (event: StepEvent) => void steps.push(event) }]
    await train(task, { config: killedConfig, folder, resume: true, observers })
    task.dispose()
    const whole = await run({ clip: undefined })
    expect(steps.map(({ step, loss }) => [step, loss])).toEqual(
      whole.steps.slice(2).map(({ step, loss }) => [step, loss]),
    )
    expect(checkpointsOf(folder)).toEqual(['step-00000004', 'step-00000006'])
  })
})

describe('gradient caching', () => {
  /** Pulls the mean of the batch towards a point: a loss that knows all samples. */
  const pulling = (width: number) => {
    const task = openTask(device, { model: { width, dropout: 0 } })
    const weight = task.parameters.get('first.weight')!
    const embed = ({ x }: { readonly x: Tensor }) => ({ hidden: tanh(linear(x, weight.value)) })
    const objective = ({ hidden }: Embeddings, { start, count }: ObjectiveContext['ownRows']) => {
      const own = slice(hidden!, [[start, start + count]])
      const similarity = matmul(own, transpose(hidden!, 0, 1))
      return { loss: mean(square(similarity)), metrics: { peak: mean(hidden!) } }
    }
    return {
      ...task,
      loss: (batch: Parameters<typeof embed>[0]) => objective(embed(batch), { start: 0, count: batch.x.shape[0]! }),
      contrast: { embed, objective: (all: Embeddings, { ownRows }: ObjectiveContext) => objective(all, ownRows) },
    } as unknown as TrainingTask
  }

  const outcome = async (settings: object, collective = soloCollective) => {
    const task = pulling(6)
    const losses: number[] = []
    const config = checkConfig(
      { train: { steps: 3, batchSize: 8, optimizer: { name: 'sgd', lr: 0.5 }, ...settings } },
      'test',
      regressionRecipe,
    )
    const observers = [{ onStep: ({ loss, metrics }: StepEvent) => void losses.push(loss, metrics.peak!) }]
    await train(task, { config, folder: newFolder(), observers, collective })
    task.dispose()
    return losses
  }

  it('gives the loss and the gradient of the whole batch from its chunks', async () => {
    const before = device.memory().liveStorages
    const whole = await outcome({})
    for (const microBatchSize of [8, 3, 1]) {
      const cached = await outcome({ gradientCaching: true, microBatchSize })
      for (const [n, value] of whole.entries()) expect(cached[n]).toBeCloseTo(value, 5)
    }
    expect(device.memory().liveStorages).toBe(before)
    // Micro-batches alone are another loss.
    expect((await outcome({ microBatchSize: 1 }))[0]).not.toBeCloseTo(whole[0]!, 3)
  })

  it('of two processes is that of one with the double batch', async () => {
    const whole = await outcome({})
    const [first, second] = await Promise.all(
      pairOfCollectives().map((collective) => outcome({ batchSize: 4, microBatchSize: 3 }, collective)),
    )
    for (const [n, value] of whole.entries()) expect(first![n]).toBeCloseTo(value, 5)
    // Only the first process tells.
    expect(second).toEqual([])
  })
})

/** Two ranks in this process: each call waits for the other rank's. */
function pairOfCollectives(): Collective[] {
  let waiting: { readonly values: Float32Array; readonly settle: (other: Float32Array) => void } | undefined
  const exchange = (values: Float32Array): Promise<Float32Array> => {
    const sent = values.slice()
    const partner = waiting
    waiting = undefined
    if (partner) {
      partner.settle(sent)
      return Promise.resolve(partner.values)
    }
    return new Promise((settle) => {
      waiting = { values: sent, settle }
    })
  }
  return [0, 1].map((rank) => ({
    ...soloCollective,
    ...{ rank, size: 2 },
    allReduceSum: async (values) => {
      const other = await exchange(values)
      for (const [n, value] of other.entries()) values[n]! += value
    },
    allGather: async (values) => {
      const other = await exchange(values)
      return Float32Array.from(rank === 0 ? [...values, ...other] : [...other, ...values])
    },
    barrier: async () => void (await exchange(new Float32Array())),
  }))
}
