/** Towers of the published size with weights by formula. */
import { scope, sizeOf, type Tensor, tensor } from '../../../../src/engine/index.js'
import { loadWeights, ParameterScope } from '../../../../src/models/index.js'
import { SwinEncoder } from '../../../../src/models/velvet/swin-encoder.js'
import { TriBert } from '../../../../src/models/velvet/tribert.js'
import { checkEqual } from '../../checks.js'
import { channelsLast, stored, type VelvetCase } from './common.js'
import { formulaInput, formulaWeights, weightCheck } from './formula.js'
import { swinConfig } from './swin.js'
import { textRows, triBertConfig } from './text.js'

async function fillModel(golden: VelvetCase, parameters: ParameterScope): Promise<void> {
  const { config, checks } = golden
  const source = formulaWeights(parameters, config)
  const elements = source.names.reduce((sum, name) => sum + sizeOf(source.header(name).shape), 0)
  checks.push(checkEqual('tensors', source.names.length, config.tensors))
  checks.push(checkEqual('parameters', elements, config.parameters))
  const filled = await weightCheck(source, golden.shape('weight.check')[0]! / 3)
  const stored = golden.values('weight.check')
  checks.push(checkEqual('weight.check', filled.map(Math.fround), Array.from(stored)))
  await loadWeights(parameters, source)
}

export async function runSwinFullWidth(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const parameters = new ParameterScope(golden.device)
  const encoder = new SwinEncoder(parameters, swinConfig(config, config.merging))
  await fillModel(golden, parameters)
  const shape: number[] = config.input_shape
  const values = formulaInput(config.input, sizeOf(shape))
  if (golden.golden.has('input.check')) {
    const places = [0, 1, 2, 95, 96, 9216, 884735].slice(0, golden.shape('input.check')[0])
    const got = places.map((place) => values[place]!)
    golden.checks.push(checkEqual('input.check', got, Array.from(golden.values('input.check'))))
  }
  const maps = scope(() => encoder.encode(channelsLast(tensor(golden.device, values, shape))))
  const results: Record<string, ArrayLike<number>> = {}
  for (const [i, map] of maps.entries()) Object.assign(results, await mapResults(`x${i}`, map))
  results.pooled = results[`x${maps.length - 1}.channel_mean`]!
  await golden.checkOutputs(results)
  for (const map of maps) map.dispose()
  for (const { value } of parameters.parameters.values()) value.dispose()
  encoder.dispose()
}

/** The golden data's excerpts of a map. */
async function mapResults(name: string, map: Tensor): Promise<Record<string, ArrayLike<number>>> {
  const { values: read, shape } = await stored(map)
  const values = Float64Array.from(read)
  const [, channels, h, w, d] = shape as [number, number, number, number, number]
  const voxels = h * w * d
  const at = (c: number, i: number, j: number, k: number): number => values[((c * h + i) * w + j) * d + k]!
  const every = Array.from({ length: channels }, (_, c) => c)
  const moments = every.map((c) => {
    const own = values.subarray(c * voxels, (c + 1) * voxels)
    const mean = own.reduce((sum, x) => sum + x, 0) / voxels
    return { mean, std: Math.sqrt(own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / voxels) }
  })
  let [low, high, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (let n = 0; n < values.length; n++) {
    const value = values[n]!
    low = Math.min(low, value)
    high = Math.max(high, value)
    sum += value
    squares += value * value
  }
  const plane = [0, Math.floor(channels / 2), channels - 1].flatMap((c) =>
    Array.from({ length: w * d }, (_, n) => at(c, Math.floor(h / 2), Math.floor(n / d), n % d)),
  )
  return {
    [name]: values,
    [`${name}.centre`]: every.map((c) => at(c, Math.floor(h / 2), Math.floor(w / 2), Math.floor(d / 2))),
    [`${name}.corner`]: every.map((c) => at(c, h - 1, w - 1, d - 1)),
    [`${name}.plane`]: plane,
    [`${name}.stats`]: [low, high, sum / values.length, Math.sqrt(squares / values.length)],
    [`${name}.channel_mean`]: moments.map(({ mean }) => mean),
    [`${name}.channel_std`]: moments.map(({ std }) => std),
    [`${name}.every8`]: every
      .filter((c) => c % 8 === 0)
      .flatMap((c) => Array.from({ length: voxels }, (_, n) => values[c * voxels + n]!)),
  }
}

export async function runTriBertFullWidth(golden: VelvetCase): Promise<void> {
  const parameters = new ParameterScope(golden.device)
  const model = new TriBert(parameters, triBertConfig(golden.config))
  await fillModel(golden, parameters)
  const rows = textRows(golden)
  const vision = golden.tensor('input.vision')
  const results: Record<string, ArrayLike<number>> = {}
  for (const [run, forward] of [
    ['text', () => model.text(rows).at(-1)!],
    ['fusion', () => model.fusion(rows, vision).at(-1)!],
  ] as const) {
    const states = scope(forward)
    Object.assign(results, rowResults(run, await states.data(), golden.config))
    states.dispose()
  }
  await golden.checkOutputs(results)
  for (const { value } of parameters.parameters.values()) value.dispose()
}

function rowResults(run: string, values: ArrayLike<number>, { hidden, rows }: { hidden: number; rows: number[] }) {
  const row = (index: number): number[] => Array.from({ length: hidden }, (_, c) => values[index * hidden + c]!)
  const all = Array.from({ length: values.length / hidden }, (_, index) => row(index))
  return {
    [`${run}.rows`]: rows.flatMap(row),
    [`${run}.row_mean`]: all.map((own) => own.reduce((sum, x) => sum + x, 0) / hidden),
    [`${run}.row_rms`]: all.map((own) => Math.sqrt(own.reduce((sum, x) => sum + x * x, 0) / hidden)),
  }
}
