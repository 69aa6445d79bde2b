/** Cases of training: the whole forward with its loss and gradients, two workers, and optimiser steps. */
import { backward, type Device, keep, scope, type Tensor } from '../../../../src/engine/index.js'
import { div } from '../../../../src/kernels/elementwise/index.js'
import { matmul } from '../../../../src/kernels/matmul/index.js'
import {
  captionGroups,
  embedBatch,
  encodedCaption,
  type Fvlm,
  type FvlmBatch,
  fvlmLoss,
  gatherPairs,
  groupTargets,
  intactSamples,
  isNormal,
  normalTemplate,
  type OrganBatch,
  type OrganPairs,
  organLoss,
  organTokens,
  type TextTokenizer,
  teaches,
  usedAnatomies,
} from '../../../../src/models/index.js'
import { AdamW, epochCosine } from '../../../../src/train/index.js'
import { checkEqual, checkNumbers, peak } from '../../checks.js'
import type { GoldenFile } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { inCheckpointLayout } from '../colipri/towers.js'
import { checkGradients, checkTensor, configOf, loadModel, open, type Runner, tokenizerOf, volumeOf } from './common.js'
import { clearGradients } from './towers.js'

type Texts = Record<string, string[]>

/** A batch from the tensors `input.<prefix>image` and `seg`. */
function batchOf(device: Device, golden: GoldenFile, prefix: string, captions: Texts): FvlmBatch {
  const [samples, ...extents] = golden.entry(`input.${prefix}seg`).shape as [number, number, number, number]
  return {
    image: volumeOf(device, golden, `input.${prefix}image`),
    mask: { labels: golden.values(`input.${prefix}seg`), samples, extents: extents as [number, number, number] },
    captions,
  }
}

/** Flags and texts that come before the towers. */
function checkInputs(
  golden: GoldenFile,
  model: Fvlm,
  batch: FvlmBatch,
  prefix: string,
  tokenizer: TextTokenizer,
): CheckResult[] {
  const { anatomies, vision, text } = model.config
  const { samples } = batch.mask
  const intact = intactSamples(model, batch.mask)
  const flags = new Uint8Array(samples * anatomies.length)
  for (const [o, anatomy] of anatomies.entries()) {
    for (const sample of intact.get(anatomy)!) flags[sample * anatomies.length + o] = 1
  }
  const tokens = organTokens(batch.mask, anatomies.length, vision.patch)
  const perOrgan = tokens.length / flags.length
  const abnormal = Array.from({ length: samples }, (_, n) =>
    anatomies.map((anatomy) => Number(!isNormal(batch.captions[anatomy]![n]!, anatomy))),
  ).flat()
  const checks = [
    checkNumbers(`input.${prefix}organ_abnormal`, abnormal, golden.values(`input.${prefix}organ_abnormal`), 0),
  ]
  const known: Record<string, ArrayLike<number>> = {
    organ_intact: flags,
    organ_tokens: tokens.map((flag, i) => flag & flags[Math.floor(i / perOrgan)]!),
  }
  for (const [name, got] of Object.entries(known)) {
    const full = `output.${prefix}${name}`
    if (golden.has(full)) checks.push(checkNumbers(full, got, golden.values(full), 0))
  }
  for (const anatomy of anatomies) {
    const name = `input.${prefix}${anatomy}.`
    if (!golden.has(`${name}input_ids`)) continue
    const own = intact.get(anatomy)!.map((n) => encodedCaption(batch.captions[anatomy]![n]!, normalTemplate(anatomy)))
    const encoded = tokenizer.encodeBatch(own, { maxLength: text.length })
    checks.push(checkNumbers(`${name}input_ids`, encoded.ids, golden.values(`${name}input_ids`), 0))
    checks.push(checkNumbers(`${name}attention_mask`, encoded.mask, golden.values(`${name}attention_mask`), 0))
  }
  return checks
}

/** Everything that a case stores of one anatomy. `pairs` are those of all workers, `own` those of this one. */
async function checkOrgan(
  row: GoldenRow,
  golden: GoldenFile,
  prefix: string,
  pairs: OrganPairs,
  own: OrganBatch | undefined,
  temperature: Tensor,
): Promise<CheckResult[]> {
  const { anatomy, captions } = pairs
  const results: Record<string, Tensor | ArrayLike<number>> = scope(() => ({
    patients: own?.samples ?? [],
    targets: groupTargets(captionGroups(captions, anatomy)),
    image_unit: own?.image ?? [],
    text_unit: own?.text ?? [],
    logits_i2t: div(matmul(pairs.image, pairs.text, { transposeB: true }), temperature),
    logits_t2i: div(matmul(pairs.text, pairs.image, { transposeB: true }), temperature),
    ...(own && teaches(captions, anatomy) && { loss: organLoss(pairs, temperature) }),
  }))
  const checks: CheckResult[] = []
  for (const name of golden.names(`output.${prefix}${anatomy}.`)) {
    const result = results[name] ?? []
    const got = 'device' in result ? await result.data() : result
    checks.push(checkTensor(row, golden, `output.${prefix}${anatomy}.${name}`, got))
  }
  for (const name of ['logits_i2t', 'logits_t2i', 'loss']) {
    const result = results[name]
    if (result && 'device' in result) result.dispose()
  }
  return checks
}

interface Worker {
  readonly prefix: string
  readonly batch: FvlmBatch
  readonly organs: OrganBatch[]
}

/** Embeds the batches of all workers: an anatomy that any of them uses is embedded by each. */
function embedWorkers(model: Fvlm, tokenizer: TextTokenizer, batches: readonly { prefix: string; batch: FvlmBatch }[]) {
  const seen = batches.map(({ batch }) => ({ intact: intactSamples(model, batch.mask), captions: batch.captions }))
  const only = usedAnatomies(model, seen)
  return batches.map(
    ({ prefix, batch }): Worker => ({ prefix, batch, organs: embedBatch(model, tokenizer, batch, { only }) }),
  )
}

/** The pairs of each anatomy of which worker `index` has samples, gathered from all, and the loss over them. */
function workerLoss(model: Fvlm, workers: readonly Worker[], index: number): Tensor | undefined {
  const gathered = workers[index]!.organs.map((own) => gatheredOf(workers, own))
  return fvlmLoss(gathered, model.temperature.value)
}

function gatheredOf(workers: readonly Worker[], own: OrganBatch): OrganPairs {
  const parts = workers.flatMap(({ organs }) => organs.filter(({ anatomy }) => anatomy === own.anatomy))
  return gatherPairs(parts, parts.indexOf(own))
}

const disposeWorkers = (workers: readonly Worker[]): void => {
  for (const { organs, batch } of workers) {
    for (const { image, text } of organs) for (const value of [image, text]) value.dispose()
    batch.image.dispose()
  }
}

export const runTrainForward: Runner = async (row, dir, device) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const model = await loadModel(row, dir, device)
  const tokenizer = tokenizerOf(row, dir)
  const checks = config.workers
    ? await checkWorkers(row, golden, model, tokenizer)
    : await checkSingle(row, golden, model, tokenizer, '', config.texts)
  if (config.none) checks.push(...(await checkSingle(row, golden, model, tokenizer, 'none.', config.none.texts)))
  for (const variant of ['temp_low', 'temp_high']) {
    if (config[variant] === undefined) continue
    model.temperature.value.write([config[variant]])
    checks.push(...(await checkTemperature(row, golden, model, tokenizer, variant)))
  }
  model.dispose()
  return checks
}

async function checkSingle(
  row: GoldenRow,
  golden: GoldenFile,
  model: Fvlm,
  tokenizer: TextTokenizer,
  prefix: string,
  texts: Texts,
): Promise<CheckResult[]> {
  await model.clampTemperature()
  const batch = batchOf(model.device, golden, prefix, texts)
  const checks = checkInputs(golden, model, batch, prefix, tokenizer)
  const [worker] = embedWorkers(model, tokenizer, [{ prefix, batch }]) as [Worker]
  const temperature = model.temperature.value
  const states = prefix === '' ? configOf(row).organs_state : configOf(row).none.organs_state
  for (const anatomy of model.config.anatomies) {
    const own = worker.organs.find((organ) => organ.anatomy === anatomy)
    const state = states[anatomy] as string | { state: string }
    const used = own !== undefined && teaches(own.captions, anatomy)
    checks.push(checkEqual(`${anatomy} is used`, used, typeof state === 'object' && state.state === 'used'))
    if (own) checks.push(...(await checkOrgan(row, golden, prefix, own, own, temperature)))
  }
  const loss = fvlmLoss(worker.organs, temperature)
  checks.push(checkTensor(row, golden, `output.${prefix}loss`, loss ? await loss.data() : [0]))
  checks.push(checkTensor(row, golden, `output.${prefix}temp`, await temperature.data()))
  if (loss && golden.names(`grad.${prefix}`).length > 0) {
    backward(loss)
    checks.push(...(await checkGradients(row, golden, model, { prefix })))
    const untouched = (configOf(row).no_gradient ?? []) as string[]
    for (const name of untouched) {
      const grad = model.parameters.parameters.get(name)!.value.grad
      checks.push(checkEqual(`${name} has a gradient`, grad !== undefined, false))
    }
  }
  clearGradients(model)
  loss?.dispose()
  disposeWorkers([worker])
  return checks
}

async function checkTemperature(
  row: GoldenRow,
  golden: GoldenFile,
  model: Fvlm,
  tokenizer: TextTokenizer,
  variant: string,
): Promise<CheckResult[]> {
  await model.clampTemperature()
  const batch = batchOf(model.device, golden, '', configOf(row).texts)
  const workers = embedWorkers(model, tokenizer, [{ prefix: '', batch }])
  const loss = fvlmLoss(workers[0]!.organs, model.temperature.value)!
  const checks = [
    checkTensor(row, golden, `output.${variant}.loss`, await loss.data()),
    checkTensor(row, golden, `output.${variant}.temp`, await model.temperature.value.data()),
  ]
  backward(loss)
  checks.push(...(await checkGradients(row, golden, model, { prefix: `${variant}.` })))
  clearGradients(model)
  loss.dispose()
  disposeWorkers(workers)
  return checks
}

async function checkWorkers(
  row: GoldenRow,
  golden: GoldenFile,
  model: Fvlm,
  tokenizer: TextTokenizer,
): Promise<CheckResult[]> {
  const texts = configOf(row).workers as { texts: Texts }[]
  const batches = texts.map(({ texts: captions }, i) => {
    const prefix = `worker${i}.`
    return { prefix, batch: batchOf(model.device, golden, prefix, captions) }
  })
  const checks = batches.flatMap(({ prefix, batch }) => checkInputs(golden, model, batch, prefix, tokenizer))
  const workers = embedWorkers(model, tokenizer, batches)
  const temperature = model.temperature.value
  const parameters = [...model.parameters.parameters.values()]
  const means = new Map<string, number[]>()
  for (const [index, { prefix, organs }] of workers.entries()) {
    for (const anatomy of model.config.anatomies) {
      const own = organs.find((organ) => organ.anatomy === anatomy)
      const any = own ?? workers.flatMap((worker) => worker.organs).find((organ) => organ.anatomy === anatomy)
      if (!any) continue
      const pairs = scope(() => gatheredOf(workers, any))
      checks.push(...(await checkOrgan(row, golden, prefix, pairs, own, temperature)))
      pairs.image.dispose()
      pairs.text.dispose()
    }
    const loss = scope(() => workerLoss(model, workers, index))!
    checks.push(checkTensor(row, golden, `output.${prefix}loss`, await loss.data()))
    backward(loss)
    checks.push(...(await checkGradients(row, golden, model, { prefix })))
    for (const { name, value, declaration } of parameters) {
      const gradient = value.grad ? await inCheckpointLayout(value.grad, declaration.axes) : []
      const sum = means.get(name) ?? new Array<number>(value.size).fill(0)
      means.set(
        name,
        sum.map((total, i) => total + (gradient[i] ?? 0) / workers.length),
      )
    }
    clearGradients(model)
    loss.dispose()
  }
  checks.push(...(await checkGradients(row, golden, model, { prefix: 'mean.', gradients: Object.fromEntries(means) })))
  disposeWorkers(workers)
  return checks
}

export const runTrainSteps: Runner = async (row, dir, device) => {
  const { texts, schedule } = configOf(row)
  const golden = await open(row, dir)
  const model = await loadModel(row, dir, device)
  const tokenizer = tokenizerOf(row, dir)
  const batch = batchOf(device, golden, '', texts)
  const rates = (epochs: number, warmup: number) =>
    epochCosine({
      warmupStart: schedule.warmup_start_lr,
      warmup,
      base: schedule.init_lr,
      min: schedule.min_lr,
      epochs,
    })
  const rate = rates(schedule.max_epoch, schedule.warmup_steps)
  const parameters = [...model.parameters.parameters.values()]
  const optimizer = new AdamW(
    parameters.map(({ value }) => value),
    { weightDecay: 0.01 },
  )
  const used = (schedule.epoch_step as [number, number][]).map(([epoch, step]) => rate(epoch, step))
  const checks = checkInputs(golden, model, batch, '', tokenizer)
  checks.push(checkNumbers('output.lr', used, golden.values('output.lr.f64'), 1e-18))
  for (const name of golden.names('output.schedule')) {
    const table = golden.values(`output.schedule${name}`)
    // The note gives the warm-up of these tables in words.
    const of = rates(Number.parseInt(name, 10), Number(/(\d+) warm-up steps/.exec(row.note)![1]))
    const [got, want]: [number[], number[]] = [[], []]
    for (let i = 0; i < table.length; i += 3) {
      got.push(of(table[i]!, table[i + 1]!))
      want.push(table[i + 2]!)
    }
    checks.push(checkNumbers(`output.schedule${name}`, got, want, 1e-18))
  }
  const losses: number[] = []
  for (const [n, lr] of used.entries()) {
    await model.clampTemperature()
    const loss = scope(() => fvlmLoss(embedBatch(model, tokenizer, batch), model.temperature.value))!
    losses.push(await loss.item())
    backward(loss)
    loss.dispose()
    optimizer.lr = lr
    optimizer.step()
    optimizer.zeroGrad()
    checks.push(...(await checkWeights(golden, model, n + 1, used)))
  }
  checks.push(checkTensor(row, golden, 'output.losses', losses))
  optimizer.dispose()
  keep(batch.image).dispose()
  model.dispose()
  return checks
}

/**
 * Weights after a step, within the note's few percent of the summed learning rates. The key rows of the packed bias have
 * no gradient but rounding, which Adam turns into whole steps: they are left out, as the note says.
 */
async function checkWeights(golden: GoldenFile, model: Fvlm, step: number, rates: number[]): Promise<CheckResult[]> {
  const bound = 0.03 * rates.slice(0, step).reduce((sum, rate) => sum + rate, 0)
  const checks: CheckResult[] = []
  for (const name of golden.names(`output.step${step}.`)) {
    const { value, declaration } = model.parameters.parameters.get(name)!
    const keyRows = name === 'attention.in_proj_bias'
    const compared = (values: ArrayLike<number>) =>
      Array.from(values).filter((_, i, { length }) => !keyRows || i < length / 3 || i >= (2 * length) / 3)
    const got = compared(await inCheckpointLayout(value, declaration.axes))
    const want = compared(golden.values(`output.step${step}.${name}`))
    checks.push(checkNumbers(`step${step}.${name}`, got, want, bound + 2 ** -23 * peak(want)))
  }
  return checks
}
