/** The training loop. */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingConfig } from '../config/read.js'
import { Ema } from '../ema.js'
import { broadcastFromFirst, checkAgreement } from '../parallel/agreement.js'
import { type Collective, soloCollective } from '../parallel/collective.js'
import type { TrainingTask } from '../task.js'
import { type CheckpointState, Checkpoints, type Trained, writeFinalWeights } from './checkpoint.js'
import { TrainingError } from './errors.js'
import type { StepEvent, TrainingObserver } from './events.js'
import { computeGradients, type StepGradients } from './gradients.js'
import { LossScale } from './loss-scale.js'
import { SampleStream } from './samples.js'
import { makeOptimizer, makeSchedule } from './steps.js'
import { Throughput } from './throughput.js'
import { TrainedParameters } from './trained-parameters.js'

export interface TrainerOptions {
  readonly config: Pick<TrainingConfig, 'train' | 'output' | 'options' | 'recipe'>
  /** Gets `checkpoints/`, `best.safetensors` and `model.safetensors`. */
  readonly folder: string
  /** Go on from the newest checkpoint of the folder, if there is one. Default false. */
  readonly resume?: boolean | undefined
  readonly observers?: readonly TrainingObserver[] | undefined
  readonly collective?: Collective | undefined
  /** Ends training behind the step under way, which is saved. */
  readonly stop?: AbortSignal | undefined
}

export interface TrainingResult {
  /** Steps done, those before a resume included. */
  readonly step: number
  /** Whether it was stopped before its end. */
  readonly stopped: boolean
  readonly best: CheckpointState['best']
  /**
   * Of all processes, over all steps but the first, which compiles kernels; validation and checkpoints do not count.
   * Undefined where there are no others.
   */
  readonly samplesPerSecond: number | undefined
  /** The most bytes of tensors on the device of this process. */
  readonly peakBytes: number
}

/**
 * Trains a task to the end of its configuration, or until `stop`. Resumed, it goes on as if it had never stopped: on the
 * same device the losses are the same to the bit.
 *
 * Throws TrainingError for a loss that is not finite and for a folder of another run, LoaderError for an item that cannot
 * be loaded, and ValueError for settings that do not fit the task.
 */
export async function train(task: TrainingTask, options: TrainerOptions): Promise<TrainingResult> {
  const run = new TrainingRun(task, options)
  try {
    return await run.go()
  } finally {
    await run.close()
  }
}

class TrainingRun {
  readonly #task: TrainingTask
  readonly #options: TrainerOptions
  readonly #collective: Collective
  readonly #state: Trained
  readonly #checkpoints: Checkpoints
  #samples: SampleStream | undefined
  #step = 0
  #best: CheckpointState['best']
  #savedStep = -1
  readonly #sinceEvent = new Throughput()
  readonly #sinceFirstStep = new Throughput()
  #peakBytes = 0
  readonly #startMs = performance.now()

  constructor(task: TrainingTask, options: TrainerOptions) {
    const { train: settings, output } = options.config
    this.#task = task
    this.#options = options
    this.#collective = options.collective ?? soloCollective
    const trained = new TrainedParameters(task.parameters, settings)
    this.#state = {
      ...{ task, trained, optimizer: makeOptimizer(settings.optimizer, trained.groups) },
      ema: settings.ema === undefined ? undefined : new Ema(trained.masters, settings.ema),
      lossScale: new LossScale(
        settings.precision === 'f16' ? settings.lossScale : { initial: 1, growthSteps: Infinity },
      ),
    }
    this.#checkpoints = new Checkpoints(join(options.folder, 'checkpoints'), output.keepLast)
  }

  async go(): Promise<TrainingResult> {
    const { config, folder, resume = false } = this.#options
    const { train: settings, output } = config
    await mkdir(folder, { recursive: true })
    await this.#begin(resume)
    const samples = new SampleStream(this.#task, settings, { step: this.#step, collective: this.#collective })
    this.#samples = samples
    const stepsPerEpoch = samples.batchesPerEpoch
    const steps = settings.steps ?? settings.epochs! * stepsPerEpoch
    const rate = makeSchedule(settings.schedule, { base: settings.optimizer.lr, steps, stepsPerEpoch })
    for (const observer of this.#observers) await observer.onBegin?.({ step: this.#step, totalSteps: steps })
    const begin = this.#step
    const every = (period: number | undefined) => period !== undefined && this.#step % period === 0
    while (this.#step < steps && !(await this.#isStopped())) {
      await this.#train(rate(this.#step), steps, this.#step === begin)
      const isLast = this.#step === steps
      if (isLast || every(output.validateEvery)) await this.#evaluate()
      if (isLast || every(output.saveEvery)) await this.#save()
    }
    const stopped = this.#step < steps
    if (stopped) await this.#save()
    else if (this.#isFirst) await writeFinalWeights(join(folder, 'model.safetensors'), this.#state)
    this.#takePeak()
    const { perSecond: samplesPerSecond } = this.#sinceFirstStep
    return { step: this.#step, stopped, best: this.#best, samplesPerSecond, peakBytes: this.#peakBytes }
  }

  /** Whether any rank was told to stop: all leave behind the same step. */
  async #isStopped(): Promise<boolean> {
    const stopped = Float32Array.of(this.#options.stop?.aborted ? 1 : 0)
    await this.#collective.allReduceSum(stopped)
    return stopped[0] !== 0
  }

  async close(): Promise<void> {
    const { trained, optimizer, ema } = this.#state
    optimizer.zeroGrad()
    optimizer.dispose()
    ema?.dispose()
    trained.dispose()
    await this.#samples?.close()
    for (const observer of this.#observers) await observer.onEnd?.()
  }

  /** Only this process writes. */
  get #isFirst(): boolean {
    return this.#collective.rank === 0
  }

  async #begin(resume: boolean): Promise<void> {
    const found = resume ? await this.#checkpoints.restore(this.#state, this.#configuration) : undefined
    if (!resume && (await this.#checkpoints.list()).length > 0) {
      throw new TrainingError(`${this.#options.folder}: has checkpoints. Resume them, or train into another folder`)
    }
    this.#step = found?.step ?? 0
    await this.#agree()
    this.#savedStep = found?.step ?? -1
    this.#best = found?.best
  }

  /** Ranks go on with the same parameters, from the same step. */
  async #agree(): Promise<void> {
    if (this.#collective.size === 1) return
    const { trained } = this.#state
    const shapes = trained.entries.map(({ name, parameter }) => [name, parameter.shape])
    const items = {
      configuration: this.#configuration,
      'the names and shapes of parameters': JSON.stringify(shapes),
      'the step of the checkpoint': String(this.#step),
    }
    await checkAgreement(items, this.#collective)
    await broadcastFromFirst(trained.masters, this.#collective)
    trained.publish()
  }

  /** What must be the same for a run to go on: all but how items are loaded and what is written. */
  get #configuration(): string {
    const { train: settings, options, recipe } = this.#options.config
    const { workers: _, prefetch: __, ...rest } = settings
    return createHash('sha256')
      .update(JSON.stringify([recipe.name, rest, options]))
      .digest('hex')
  }

  async #train(learningRate: number, totalSteps: number, isFirstStep: boolean): Promise<void> {
    const begunMs = performance.now()
    const { train: settings, output } = this.#options.config
    const { trained, optimizer, ema, lossScale } = this.#state
    const { epoch, samples } = await this.#samples!.next()
    const { seed, gradientCaching, batchSize, microBatchSize = batchSize } = settings
    const { scale } = lossScale
    const result = await computeGradients({
      ...{ task: this.#task, trained, samples, microBatchSize, gradientCaching, lossScale: scale },
      place: { step: this.#step, epoch, seed, batchSize, collective: this.#collective, signal: this.#options.stop },
    })
    const gradientNorm = result.norm / scale
    const overflowed = this.#check(result)
    if (!overflowed) {
      const clip = Math.min(1, (settings.clip ?? Number.POSITIVE_INFINITY) / (gradientNorm + 1e-6))
      optimizer.lr = learningRate
      optimizer.step(clip / scale)
      trained.publish()
      ema?.update()
    }
    optimizer.zeroGrad()
    if (settings.precision === 'f16') lossScale.update(this.#step, overflowed)
    this.#step++
    const samplesOfAll = samples.length * this.#collective.size
    const took = performance.now() - begunMs
    this.#sinceEvent.add(samplesOfAll, took)
    if (!isFirstStep) this.#sinceFirstStep.add(samplesOfAll, took)
    const isLogged = this.#step % output.logEvery === 0 || this.#step === totalSteps
    if (!isLogged) return
    const { loss, metrics } = result
    await this.#tell({
      ...{ step: this.#step, totalSteps, epoch, loss, metrics, learningRate, gradientNorm, skipped: overflowed },
      ...(settings.precision === 'f16' && { lossScale: scale }),
    })
  }

  /** Whether gradients overflowed f16. Throws for anything else that is not finite. */
  #check({ loss, norm }: StepGradients): boolean {
    const { precision, clip } = this.#options.config.train
    if (!Number.isFinite(loss)) {
      throw new TrainingError(
        `step ${this.#step}: the loss is ${loss}. Look at the samples of this step, ` +
          `lower train.optimizer.lr${clip === undefined ? ', clip gradients (train.clip=1)' : ''}` +
          `${precision === 'f16' ? ', or train with train.precision=f32' : ''}; --resume goes on from the last checkpoint`,
      )
    }
    if (Number.isFinite(norm)) return false
    if (precision === 'f16') return true
    throw new TrainingError(
      `step ${this.#step}: the loss is ${loss}, but the norm of its gradients is ${norm}. Lower train.optimizer.lr`,
    )
  }

  async #tell(event: Omit<StepEvent, 'samplesPerSecond' | 'elapsedMs' | 'liveBytes' | 'peakBytes'>): Promise<void> {
    const elapsedMs = performance.now() - this.#startMs
    const { liveBytes } = this.#task.device.memory()
    const peakBytes = this.#takePeak()
    const samplesPerSecond = this.#sinceEvent.perSecond!
    this.#sinceEvent.reset()
    const complete = { ...event, samplesPerSecond, elapsedMs, liveBytes, peakBytes }
    for (const observer of this.#observers) await observer.onStep?.(complete)
  }

  /** The most bytes since the last time. */
  #takePeak(): number {
    const { device } = this.#task
    const { peakBytes } = device.memory()
    this.#peakBytes = Math.max(this.#peakBytes, peakBytes)
    device.resetPeakMemory()
    return peakBytes
  }

  get #observers(): readonly TrainingObserver[] {
    return this.#isFirst ? (this.#options.observers ?? []) : []
  }

  /** Scores the weights, the averages where there are any, and keeps them if they are the best. */
  async #evaluate(): Promise<void> {
    if (!this.#task.evaluate) return
    const { output, train: settings } = this.#options.config
    const { batchSize, workers = 1 } = settings
    const context = { step: this.#step, batchSize, workers, signal: this.#options.stop }
    const scores = await this.#withAverages(() => this.#task.evaluate!('validation', context))
    const metric = output.bestMetric ?? Object.keys(scores)[0]
    const value = metric === undefined ? undefined : scores[metric]
    if (metric !== undefined && value === undefined) {
      throw new TrainingError(
        `output.bestMetric: the validation has no '${metric}'. It has ${Object.keys(scores).join(', ')}`,
      )
    }
    const sign = output.bestIs === 'highest' ? 1 : -1
    const best = value !== undefined && (!this.#best || sign * value > sign * this.#best.value)
    if (best) {
      this.#best = { step: this.#step, value }
      if (this.#isFirst) await writeFinalWeights(join(this.#options.folder, 'best.safetensors'), this.#state)
    }
    for (const observer of this.#observers) {
      await observer.onEvaluation?.({ step: this.#step, split: 'validation', scores, best })
    }
  }

  /** Runs `fn` with the averages in the model, where there are any. */
  async #withAverages<T>(fn: () => Promise<T>): Promise<T> {
    const { ema, trained } = this.#state
    if (!ema) return await fn()
    const own = await Promise.all(trained.masters.map((master) => master.data()))
    const averages = await Promise.all(ema.averages.map((average) => average.data()))
    const put = (values: readonly ArrayLike<number>[]) => {
      for (const [n, { parameter }] of trained.entries.entries()) parameter.value.write(values[n] as Float32Array)
    }
    put(averages)
    try {
      return await fn()
    } finally {
      put(own)
    }
  }

  async #save(): Promise<void> {
    if (this.#savedStep === this.#step) return
    this.#savedStep = this.#step
    if (this.#isFirst) {
      const state = { step: this.#step, configuration: this.#configuration, ...(this.#best && { best: this.#best }) }
      const path = await this.#checkpoints.save(this.#state, state)
      for (const observer of this.#observers) await observer.onCheckpoint?.({ step: this.#step, path })
    }
    await this.#collective.barrier()
  }
}
