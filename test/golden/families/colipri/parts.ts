/** The COLIPRI cases of single parts: key list, windows, masked tokens, decoder, and a few training steps. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backward, type Device, gradients, scope, type Tensor, tensor, zeros } from '../../../../src/engine/index.js'
import { mul } from '../../../../src/kernels/elementwise/index.js'
import { indexSelect, scatter } from '../../../../src/kernels/gather/index.js'
import { concat } from '../../../../src/kernels/join/index.js'
import { expand, permute, reshape, slice } from '../../../../src/kernels/layout/index.js'
import { l2Normalize } from '../../../../src/kernels/losses/index.js'
import { sum } from '../../../../src/kernels/reduce/index.js'
import {
  Colipri,
  loadWeights,
  ParameterScope,
  PatchDecoder,
  patchDecoderChannels,
  type WindowStarts,
} from '../../../../src/models/index.js'
import { AdamW, clipGradNorm } from '../../../../src/train/index.js'
import { checkEqual, checkNumbers } from '../../checks.js'
import { goldenBound, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { channelsFirst, compare, loadModel, type Params, volumeFrom, weightsFrom } from './common.js'
import { inCheckpointLayout, towerInputs, towerLoss } from './towers.js'

/** The published model declares exactly the keys and shapes of the list. */
export async function runCheckpointKeys(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const list = JSON.parse(await readFile(join(dir, row.file), 'utf8')) as { shapes: Record<string, number[]> }
  const declared = [...new Colipri(device).parameters.parameters.values()]
  const sorted = (entries: [string, unknown][]) => entries.sort(([a], [b]) => (a < b ? -1 : 1))
  const ours = declared.map(({ name, declaration }): [string, unknown] => [name, declaration.shape])
  const elements = declared.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0)
  return [
    checkEqual('keys and shapes', sorted(ours), sorted(Object.entries(list.shapes))),
    checkEqual('tensors', declared.length, row.params.tensors),
    checkEqual('elements', elements, row.params.elements),
  ]
}

export async function runWindowed(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const params: Params = row.params
  const golden = await readGolden(join(dir, row.file))
  const model = await loadModel(row, dir, device)
  const outputs = scope(() => {
    const volume = volumeFrom(device, golden, 'input.image')
    const window = [params.window, params.window, params.window] as const
    const { tokens } = model.image.encodeWindows(volume, window, params.starts as WindowStarts)
    const projected = model.image.project(tokens)
    const pooled = model.image.pooler.apply(projected)
    return {
      backbone: channelsFirst(tokens),
      projected: channelsFirst(projected),
      pooled,
      pooled_normalized: l2Normalize(pooled, { axis: 1 }),
    }
  })
  const checks = await compare(row, golden, outputs)
  model.dispose()
  return checks
}

/** Each sample keeps tokens of its own, so samples run one by one, with their rows of the rotary table. */
export async function runMaskedTokens(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const golden = await readGolden(join(dir, row.file))
  const model = await loadModel(row, dir, device)
  const [samples, kept] = golden.entry('input.keep').shape as [number, number]
  const keep = golden.values('input.keep')
  const visible: number[] = []
  const outputs = scope(() => {
    const volume = volumeFrom(device, golden, 'input.image')
    const { tokens, grid } = model.image.embedPatches(volume)
    const table = model.image.ropeTable(device, grid)
    const [, t, features] = tokens.shape as [number, number, number]
    const parts = Array.from({ length: samples }, (_, n) => {
      const rows = keep.subarray(n * kept, (n + 1) * kept)
      visible.push(...Array.from({ length: t }, (_, token) => (rows.includes(token) ? 1 : 0)))
      const index = tensor(device, rows, [kept], { dtype: 'i32' })
      const own = slice(tokens, [
        [n, n + 1, 1],
        [0, t, 1],
        [0, features, 1],
      ])
      const encoded = model.image.encodeTokens(
        indexSelect(own, index, { axis: 1 }),
        indexSelect(table, index, { axis: 0 }),
      )
      const places = expand(reshape(index, [1, kept, 1]), [1, kept, features])
      return { encoded, restored: scatter(zeros(device, [1, t, features]), places, encoded, { axis: 1 }) }
    })
    return {
      encoded: concat(
        parts.map((part) => part.encoded),
        0,
      ),
      restored: channelsFirst(
        concat(
          parts.map((part) => part.restored),
          0,
        ),
      ),
    }
  })
  const checks = await compare(row, golden, { ...outputs, voxel_mask: visible })
  model.dispose()
  return checks
}

export async function runPatchDecode(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const params: Params = row.params
  const path = join(dir, row.file)
  const golden = await readGolden(path)
  const options = { features: params.embed, patch: params.patch[0], outChannels: params.out }
  const parameters = new ParameterScope(device)
  const decoder = new PatchDecoder(parameters, options)
  await loadWeights(parameters, weightsFrom(golden, path, 'weight.'))
  const x = tensor(device, golden.values('input.x'), golden.entry('input.x').shape, { requiresGrad: true })
  const decode = () => permute(decoder.apply(permute(x, [0, 2, 3, 4, 1])), [0, 4, 1, 2, 3])
  const checks = [checkEqual('channels', patchDecoderChannels(options), params.channels)]
  checks.push(...(await compare(row, golden, { y: scope(decode) })))
  const wanted = golden.names('grad.').map((name) => ({ name, parameter: parameters.parameters.get(name) }))
  const cotangent = tensor(device, golden.values('cotangent.y'), golden.entry('cotangent.y').shape)
  const leaves = wanted.map(({ parameter }) => parameter?.value ?? x)
  const results = scope(() => gradients(sum(mul(decode(), cotangent)), leaves))
  for (const [i, { name, parameter }] of wanted.entries()) {
    const want = golden.values(`grad.${name}`)
    const got = await inCheckpointLayout(results[i]!, parameter?.declaration.axes)
    checks.push(checkNumbers(`grad.${name}`, got, want, goldenBound(row, `grad.${name}`, want)))
  }
  for (const value of [...results, ...leaves, cotangent, x]) value.dispose()
  return checks
}

/** AdamW steps from the checkpoint: losses and gradient norms of each, some parameters at the end. */
export async function runTrain(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const params: Params = row.params
  const golden = await readGolden(join(dir, row.file))
  const data = await readGolden(join(dir, params.data))
  const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as { cases: GoldenRow[] }
  const towers = manifest.cases.find(({ file, op }) => op === 'colipri_towers' && file === params.data)
  if (!towers)
    throw new Error(`the manifest has no colipri_towers case of ${params.data}, whose architecture this trains`)
  const model = await loadModel({ ...row, params: { ...towers.params, checkpoint: params.checkpoint } }, dir, device)
  const inputs = towerInputs(device, data)
  const trainable = [...model.parameters.parameters.values()].filter(({ declaration }) => declaration.trainable ?? true)
  const leaves = trainable.map(({ value }) => value)
  const optimizer = new AdamW(leaves, {
    lr: params.lr,
    betas: params.betas,
    eps: params.eps,
    weightDecay: params.weight_decay,
  })
  const losses: number[] = []
  const norms: number[] = []
  for (let step = 0; step < params.steps; step++) {
    const [loss, norm] = scope((): [Tensor, Tensor] => {
      optimizer.zeroGrad()
      const loss = towerLoss(model, inputs, params.tau)
      backward(loss)
      const norm = clipGradNorm(leaves, params.clip_norm)
      optimizer.step()
      return [loss.detach(), norm]
    })
    losses.push(await loss.item())
    norms.push(await norm.item())
    loss.dispose()
    norm.dispose()
  }
  const results: Record<string, ArrayLike<number>> = { losses, grad_norms: norms }
  for (const { name, value, declaration } of trainable) {
    if (golden.has(`output.${name}`)) results[name] = await inCheckpointLayout(value, declaration.axes)
  }
  const checks = await compare(row, golden, results)
  model.dispose()
  return checks
}
