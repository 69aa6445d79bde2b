/** The vision encoder and its parts. */
import { scope, type Tensor } from '../../../../src/engine/index.js'
import { reshape } from '../../../../src/kernels/layout/index.js'
import { layerNorm } from '../../../../src/kernels/norm/index.js'
import { loadWeights, ParameterScope } from '../../../../src/models/index.js'
import type { Merging, SwinConfig } from '../../../../src/models/velvet/config.js'
import { gatherCorners, PatchMerging } from '../../../../src/models/velvet/patch-merging.js'
import { SwinBlock } from '../../../../src/models/velvet/swin-block.js'
import { SwinEncoder } from '../../../../src/models/velvet/swin-encoder.js'
import { WindowTableCache } from '../../../../src/models/velvet/window-tables.js'
import { partition, planWindows, relativePositionIndex, shiftRegions } from '../../../../src/models/velvet/windows.js'
import { checkEqual } from '../../checks.js'
import { type Config, channelsFirst, type VelvetCase, volumeAxes } from './common.js'

type Triple = readonly [number, number, number]

export function swinConfig(config: Config, merging: Merging): SwinConfig {
  return {
    inChannels: config.in_channels ?? config.input_shape?.[1] ?? (Array.isArray(config.input) ? config.input[0] : 1),
    features: config.embed_dim ?? config.width,
    depths: config.depths,
    heads: config.heads,
    window: config.window,
    patch: config.patch,
    mlpRatio: config.mlp_ratio ?? 4,
    merging,
  }
}

/** One run per merging variant; with several of them, outputs carry the variant's name, the first map excepted. */
export async function runSwinEncoder(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const variants: Merging[] = [config.merging].flat()
  const volume = golden.volume('input.volume').setRequiresGrad(golden.golden.has('grad.volume'))
  const results: Record<string, Tensor> = {}
  for (const merging of variants) {
    const parameters = new ParameterScope(golden.device)
    const encoder = new SwinEncoder(parameters, swinConfig(config, merging))
    await loadWeights(parameters, golden.weights(config.key_prefix))
    checkStages(golden, encoder)
    const forward = (): Record<string, Tensor> =>
      scope(() => {
        const raw = encoder.stages(volume)
        return Object.fromEntries(
          raw.flatMap((map, i) => [
            [`x${i}`, channelsFirst(layerNorm(map))],
            [`raw.x${i}`, channelsFirst(map)],
          ]),
        )
      })
    for (const [name, map] of Object.entries(forward())) {
      const own = `${merging}.${name}`
      results[golden.golden.has(`output.${own}`) ? own : name] = map
    }
    // Gradients without a variant's name are those of the first one.
    const sources = { parameters, prefix: config.key_prefix, inputs: { volume: { value: volume, axes: volumeAxes } } }
    if (variants.length > 1)
      await golden.checkGradients(() => golden.weighted(forward()), { ...sources, run: `${merging}.` })
    if (merging === variants[0]) await golden.checkGradients(() => golden.weighted(forward()), sources)
    encoder.dispose()
    for (const parameter of parameters.parameters.values()) parameter.dispose()
  }
  await golden.checkOutputs(results)
}

function checkStages({ config, checks, golden }: VelvetCase, encoder: SwinEncoder): void {
  const [, , ...size] = golden.entry('input.volume').shape
  let grid = size.map((extent) => Math.ceil(extent / config.patch)) as unknown as Triple
  for (const stage of config.stages ?? []) {
    const plan = planWindows(grid, encoder.config.window, true)
    const got = { grid: plan.grid, window: plan.window, shift: plan.shift, padded: plan.padded }
    const want = { grid: stage.grid, window: stage.window, shift: stage.shift_of_odd_blocks, padded: stage.padded }
    checks.push(checkEqual(`stage ${stage.stage}`, got, want))
    grid = grid.map((extent) => Math.ceil(extent / 2)) as unknown as Triple
  }
}

export async function runSwinBlock(golden: VelvetCase): Promise<void> {
  const { channels: features, heads, window, mlp_ratio: mlpRatio } = golden.config
  const parameters = new ParameterScope(golden.device)
  const block = new SwinBlock(parameters, { features, heads, window, mlpRatio })
  await loadWeights(parameters, golden.weights())
  const [input] = golden.golden.names('input.')
  const x = golden.tensor(`input.${input}`).setRequiresGrad()
  const [n, h, w, d] = x.shape as [number, number, number, number]
  const cache = new WindowTableCache(golden.device, window)
  const forward = (): Record<string, Tensor> =>
    scope(() => {
      const tokens = reshape(x, [n, h * w * d, features])
      return Object.fromEntries(
        (['even', 'odd'] as const).flatMap((name) => {
          const tables = cache.get([h, w, d], name === 'odd')
          return [
            [name, reshape(block.apply(tokens, tables), x.shape)],
            [`attended.${name}`, reshape(block.attend(tokens, tables), x.shape)],
          ]
        }),
      )
    })
  await golden.checkOutputs(forward())
  await golden.checkGradients(() => golden.weighted(forward()), { parameters, inputs: { [input!]: { value: x } } })
  cache.dispose()
  for (const parameter of parameters.parameters.values()) parameter.dispose()
}

export async function runPatchMerging(golden: VelvetCase): Promise<void> {
  const x = golden.tensor('input.x').setRequiresGrad()
  const cube = golden.tensor('input.cube')
  const results: Record<string, Tensor> = {}
  for (const merging of ['legacy', 'fixed', 'v2'] as const) {
    const parameters = new ParameterScope(golden.device)
    const layer = new PatchMerging(parameters, golden.config.channels, merging)
    await loadWeights(parameters, golden.weights())
    results[`${merging}.gathered_cube`] = gatherCorners(cube, merging)
    results[`${merging}.y`] = layer.apply(x)
    await golden.checkGradients(() => golden.weighted({ y: layer.apply(x) }), {
      parameters,
      run: `${merging}.`,
      inputs: { x: { value: x } },
    })
    for (const parameter of parameters.parameters.values()) parameter.dispose()
  }
  await golden.checkOutputs(results)
}

export async function runSwinTables(golden: VelvetCase): Promise<void> {
  const results: Record<string, ArrayLike<number>> = {}
  for (const window of golden.config.index_windows) {
    results[`index.w${window}`] = relativePositionIndex(window, window ** 3)
  }
  for (const { name, padded_grid: padded, window, shift, windows, masked_per_window } of golden.config.masks) {
    const plan = partition(padded, { window, shift, padded })
    const { regions, tokensPerWindow: tokens } = plan
    const masked = Int32Array.from({ length: windows * tokens * tokens }, (_, n) => {
      const [row, key] = [Math.floor(n / tokens), n % tokens]
      const start = Math.floor(row / tokens) * tokens
      return Number(regions![row] !== regions![start + key])
    })
    const rows = Array.from({ length: windows * tokens }, (_, row) =>
      masked.subarray(row * tokens, (row + 1) * tokens).reduce((total, hit) => total + hit, 0),
    )
    const perWindow = Array.from({ length: windows }, (_, w) =>
      rows.slice(w * tokens, (w + 1) * tokens).reduce((total, count) => total + count, 0),
    )
    golden.checks.push(checkEqual(`${name} masked per window`, perWindow, masked_per_window))
    Object.assign(results, {
      [`${name}.region`]: shiftRegions(plan),
      [`${name}.window_region`]: regions!,
      [`${name}.masked_per_row`]: rows,
      [`${name}.mask`]: masked,
    })
  }
  await golden.checkOutputs(results)
}
