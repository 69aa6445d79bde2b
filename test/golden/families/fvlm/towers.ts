/** Cases of single parts of the model: towers, pooling, checkpoint names, the start from a 2D autoencoder. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backward, type Device, scope, sizeOf, type Tensor, tensor } from '../../../../src/engine/index.js'
import { add, mul } from '../../../../src/kernels/elementwise/index.js'
import { l2Normalize } from '../../../../src/kernels/losses/index.js'
import { sum } from '../../../../src/kernels/reduce/index.js'
import {
  Fvlm,
  fvlmPublished,
  intactOrgans,
  maeName,
  maePositions,
  organTokens,
  type WeightSource,
} from '../../../../src/models/index.js'
import { checkEqual, checkNumbers, peak } from '../../checks.js'
import { type GoldenFile, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import {
  checkGradients,
  checkOutputs,
  checkTensor,
  configOf,
  integers,
  open,
  organsTogether,
  padded,
  type Runner,
  textConfig,
  tokenizerOf,
  visionConfig,
  volumeOf,
  weightsFile,
  weightsOf,
} from './common.js'

/** `*` stands for any text. */
const matches = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`).test(name)
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The weights of a case, some of them scaled where it says so. */
async function scaledWeights(row: GoldenRow, dir: string): Promise<{ golden: GoldenFile; source: WeightSource }> {
  const { scale, scaled = [] } = configOf(row)
  const path = weightsFile(row, dir)
  const golden = await readGolden(path)
  const source = weightsOf(golden, path, (name, values) =>
    (scaled as string[]).some((pattern) => matches(pattern, name)) ? values.map((value) => value * scale) : values,
  )
  return { golden, source }
}

/** Sum of products with the stored cotangents: its gradients are the stored ones. */
function weighted(device: Device, golden: GoldenFile, outputs: readonly (readonly [string, Tensor])[]): Tensor {
  return outputs
    .map(([name, value]) => sum(mul(value, tensor(device, golden.values(`cotangent.${name}`), value.shape))))
    .reduce((a, b) => add(a, b))
}

export const runVisionTower: Runner = async (row, dir, device) => {
  const golden = await open(row, dir)
  const { source } = await scaledWeights(row, dir)
  // Cases that scale another case's weights do not repeat all of its configuration.
  const config = { ...fvlmPublished, vision: visionConfig(configOf(row)) }
  const model = new Fvlm(device, { config, only: 'vision' })
  await model.load(padded(source, model))
  const several = golden.has('input.0.image')
  const prefixes = several ? golden.names('input.').map((name) => name.replace(/image$/, '')) : ['']
  const checks: CheckResult[] = []
  for (const prefix of prefixes) {
    const volume = volumeOf(device, golden, `input.${prefix}image`).setRequiresGrad()
    const results = scope(() => {
      const { levels } = model.vision.encode(volume)
      const results: Record<string, Tensor> = { [`${prefix}embedding`]: model.vision.embed(volume) }
      for (const [i, level] of levels.entries()) results[`${prefix}level${i}`] = level
      return results
    })
    for (const [name, value] of Object.entries(results)) {
      if (golden.has(`output.${name}`)) checks.push(checkTensor(row, golden, `output.${name}`, await value.data()))
    }
    const known = Object.entries(results).filter(([name]) => golden.has(`cotangent.${name}`))
    if (known.length > 0) {
      scope(() => backward(weighted(device, golden, known)))
      checks.push(...(await checkGradients(row, golden, model, { prefix })))
      // One channel, so that the layouts agree.
      const imageGrad = `grad.${prefix}image`
      if (golden.has(imageGrad)) checks.push(checkTensor(row, golden, imageGrad, await volume.grad!.data()))
      clearGradients(model)
    }
    for (const value of [...Object.values(results), volume]) value.dispose()
  }
  checks.push(
    checkEqual(
      'outputs compared',
      checks.filter(({ name }) => name.startsWith('output.')).length,
      golden.names('output.').length,
    ),
  )
  model.dispose()
  return checks
}

export function clearGradients(model: Fvlm): void {
  for (const { loaded, value } of [...model.parameters.parameters.values()].filter((p) => p.loaded)) {
    if (!loaded) continue
    value.grad?.dispose()
    value.grad = undefined
  }
}

export const runTextTower: Runner = async (row, dir, device) => {
  const golden = await open(row, dir)
  const config = configOf(row)
  const { golden: weights, source } = await scaledWeights(row, dir)
  const shapeOf = (name: string) => weights.entry(`weight.${name}`).shape as number[]
  const [vocabulary] = shapeOf('text_encoder.embeddings.word_embeddings.weight') as [number]
  const [positions] = shapeOf('text_encoder.embeddings.position_embeddings.weight') as [number]
  const model = new Fvlm(device, {
    config: {
      ...fvlmPublished,
      projectionFeatures: shapeOf('text_proj.weight')[0]!,
      text: textConfig({ max_positions: positions, ...config }, vocabulary),
    },
    only: 'text',
  })
  await model.load(padded(source, model))
  const [ids, mask] = [integers(device, golden, 'input.input_ids'), integers(device, golden, 'input.attention_mask')]
  const results = scope(() => {
    const hidden = model.text.backbone.apply(ids, mask)
    const projected = model.text.project(hidden)
    return {
      embedding: model.text.backbone.embed(ids),
      last_hidden_state: hidden,
      projected,
      unit: l2Normalize(projected, { axis: 1 }),
    }
  })
  const checks = await checkOutputs(row, golden, results)
  if (config.texts) {
    const batch = tokenizerOf(row, dir).encodeBatch(config.texts, { maxLength: config.length })
    checks.push(checkNumbers('input.input_ids', batch.ids, golden.values('input.input_ids'), 0))
    checks.push(checkNumbers('input.attention_mask', batch.mask, golden.values('input.attention_mask'), 0))
  }
  if (golden.has('cotangent.unit')) {
    scope(() => backward(weighted(device, golden, [['unit', results.unit]])))
    checks.push(...(await checkGradients(row, golden, model)))
  }
  for (const value of [...Object.values(results), ids, mask]) value.dispose()
  model.dispose()
  return checks
}

export const runOrganPooling: Runner = async (row, dir, device) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const { organs, patch, hidden } = config
  const [samples, ...extents] = golden.entry('input.seg').shape as [number, number, number, number]
  const mask = { labels: golden.values('input.seg'), samples, extents: extents as [number, number, number] }
  const intact = intactOrgans(mask, organs.length)
  const tokens = organTokens(mask, organs.length, patch)
  const perOrgan = tokens.length / intact.length
  const selected = tokens.map((flag, i) => flag & intact[Math.floor(i / perOrgan)]!)
  const results: Record<string, ArrayLike<number>> = { organ_intact: intact, organ_tokens: selected }
  const gradients: CheckResult[] = []
  const variants = golden.names('weight.').filter((name) => name.endsWith('.query_tokens'))
  for (const variant of variants.map((name) => name.replace('.query_tokens', ''))) {
    const model = new Fvlm(device, {
      config: {
        ...fvlmPublished,
        anatomies: organs,
        poolingHeads: config.heads,
        projectionFeatures: config.feat,
        vision: visionConfig({ hidden, heads: 1, blocks: 0, mlp: 1, patch, training_grid: config.grid, taps: [] }),
      },
      only: 'vision',
    })
    const source = weightsOf(golden, row.file)
    const own = `${variant}.query_tokens`
    await model.load(
      padded(
        {
          ...source,
          names: [...source.names.filter((name) => !name.endsWith('.query_tokens')), 'query_tokens'],
          header: (name) => source.header(name === 'query_tokens' ? own : name),
          readFloat32: (name) => source.readFloat32(name === 'query_tokens' ? own : name),
        },
        model,
      ),
    )
    const levels = golden
      .names('input.level')
      .map((n) => tensor(device, golden.values(`input.level${n}`), golden.entry(`input.level${n}`).shape))
    for (const level of levels) level.setRequiresGrad()
    const outputs = scope(() => organsTogether(model.pooling.apply(levels, selected)))
    for (const [name, value] of Object.entries(outputs)) {
      const width = value.shape[2]!
      results[`${variant}.${name}`] = (await value.data()).map((x, i) => (intact[Math.floor(i / width)] ? x : 0))
    }
    const flags = tensor(device, Float32Array.from(intact), [samples, organs.length, 1])
    scope(() => backward(weighted(device, golden, [['unit', mul(outputs.unit, flags)]])))
    gradients.push(...(await checkGradients(row, golden, model, { prefix: `${variant}.` })))
    for (const [n, level] of levels.entries()) {
      const name = `grad.${variant}.level${n}`
      if (golden.has(name)) gradients.push(checkTensor(row, golden, name, await level.grad!.data()))
    }
    for (const value of [...levels, ...Object.values(outputs), flags]) value.dispose()
    model.dispose()
  }
  return [...(await checkOutputs(row, golden, results)), ...gradients]
}

interface KeyList {
  readonly keys: Record<string, { shape: number[]; dtype: string }>
  readonly ignored_by_inference: string[]
  readonly trainable_parameters: number
  readonly leftovers_reported_in_the_released_file: Record<string, unknown>
}

/** Names and shapes are declared, and a file of all names and the leftovers passes the loader's check. */
export const runCheckpointKeys: Runner = async (row, dir, device) => {
  const list = JSON.parse(await readFile(join(dir, row.file), 'utf8')) as KeyList
  const model = new Fvlm(device)
  const declared = [...model.parameters.parameters.values()]
  const wanted = Object.entries(list.keys).filter(([name]) => !list.ignored_by_inference.includes(name))
  const sorted = (entries: [string, readonly number[]][]) => entries.sort(([a], [b]) => (a < b ? -1 : 1))
  const leftovers = Object.entries(list.leftovers_reported_in_the_released_file)
  // The check of names comes before any reading: this source fails on the first tensor that is read.
  const source: WeightSource = {
    path: row.file,
    names: [...Object.keys(list.keys), ...leftovers.map(([name]) => name)],
    header: (name) => ({ shape: list.keys[name]?.shape ?? [0], dtype: 'F32' }),
    readFloat32: async (name) => {
      throw new Error(`first read ${name}`)
    },
  }
  const outcome = await model.load(source).then(
    () => 'loaded',
    (error: Error) => error.message.slice(0, 10),
  )
  return [
    checkEqual(
      'names and shapes',
      sorted(declared.map(({ name, declaration }) => [name, declaration.shape])),
      sorted(wanted.map(([name, { shape }]) => [name, shape])),
    ),
    checkEqual('types', [...new Set(wanted.map(([, { dtype }]) => dtype))], ['float32']),
    checkEqual(
      'trainable parameters',
      declared.reduce((total, { shape }) => total + sizeOf(shape), 0),
      list.trainable_parameters,
    ),
    checkEqual('leftovers', outcome, 'first read'),
  ]
}

export const runMaeInit: Runner = async (row, dir, device) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const table = tensor(device, golden.values('input.pos_embed'), golden.entry('input.pos_embed').shape)
  const positions = maePositions(table, config.target_grid)
  const targets = Object.entries(config.target_from_source as Record<string, string | null>)
  const sources = targets.map(([name]) => [name, maeName(name) ?? null])
  const model = new Fvlm(device, {
    config: {
      ...fvlmPublished,
      vision: { ...fvlmPublished.vision, features: 8, heads: 1, hiddenFeatures: 8, depth: 1, taps: [] },
    },
    only: 'vision',
  }).initialize(1)
  const queries = peak(await model.pooling.queries.value.data())
  const checks = await checkOutputs(row, golden, {
    position_embeddings: positions,
    query_tokens_abs_max: [queries],
    temp: [await model.temperature.value.item()],
  })
  for (const value of [table, positions]) value.dispose()
  model.dispose()
  const wanted = targets.map(([name, source]) => [name, source?.replace(' (resized)', '') ?? null])
  return [...checks, checkEqual('names', sources, wanted)]
}
