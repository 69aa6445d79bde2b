/** `colipri_towers`: every stage of both towers, the contrastive loss and its gradients. */
import { join } from 'node:path'
import { backward, type Device, scope, type Tensor, tensor } from '../../../../src/engine/index.js'
import { infoNCE } from '../../../../src/kernels/contrastive/index.js'
import { mul } from '../../../../src/kernels/elementwise/index.js'
import { permute, slice } from '../../../../src/kernels/layout/index.js'
import { l2Normalize } from '../../../../src/kernels/losses/index.js'
import { matmul } from '../../../../src/kernels/matmul/index.js'
import { softmax } from '../../../../src/kernels/softmax/index.js'
import type { Colipri } from '../../../../src/models/index.js'
import { checkNumbers } from '../../checks.js'
import { type GoldenFile, goldenBound, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { channelsFirst, compare, loadModel, type Params, volumeFrom } from './common.js'

export async function runTowers(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const params: Params = row.params
  const golden = await readGolden(join(dir, row.file))
  const model = await loadModel(row, dir, device)
  const inputs = towerInputs(device, golden)
  const checks = await compare(
    row,
    golden,
    scope(() => towerOutputs(model, inputs, params.tau)),
  )
  checks.push(...(await gradientChecks(row, golden, model, inputs)))
  model.dispose()
  for (const input of Object.values(inputs)) input.dispose()
  return checks
}

export interface TowerInputs extends Record<string, Tensor> {
  readonly volume: Tensor
  readonly ids: Tensor
  readonly mask: Tensor
}

export function towerInputs(device: Device, golden: GoldenFile): TowerInputs {
  return { volume: volumeFrom(device, golden, 'input.image'), ...textInputs(device, golden) }
}

export function textInputs(device: Device, golden: GoldenFile): { readonly ids: Tensor; readonly mask: Tensor } {
  const integers = (name: string, dtype: 'i32' | 'u32') =>
    tensor(device, golden.values(name), golden.entry(name).shape, { dtype })
  return { ids: integers('input.ids', 'i32'), mask: integers('input.mask', 'u32') }
}

/** Every stage, by the golden names and in the golden layouts. */
export function towerOutputs(model: Colipri, { volume, ids, mask }: TowerInputs, tau: number): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {}
  const { tokens, grid } = model.image.embedPatches(volume)
  const ropeTable = model.image.ropeTable(volume.device, grid)
  outputs.patch_embed = channelsFirst(tokens)
  outputs.rope_table = ropeTable
  const last = model.image.blocks.reduce((x, block, i) => {
    const next = block.apply(x, ropeTable)
    outputs[`block${i}`] = next
    return next
  }, tokens)
  const backbone = model.image.normalize(last)
  const projected = model.image.project(backbone)
  const pooled = model.image.pooler.apply(projected)
  const image = l2Normalize(pooled, { axis: 1 })
  const dense = model.image.pooler.dense(projected)
  const denseNormalized = l2Normalize(dense, { axis: 2 })
  const hidden = model.text.backbone.apply(ids, mask)
  Object.assign(outputs, {
    backbone: channelsFirst(backbone),
    projected: channelsFirst(projected),
    pooled,
    pooled_normalized: image,
    dense: channelsFirst(dense),
    dense_normalized: channelsFirst(denseNormalized),
    text_hidden: hidden,
  })
  for (const variant of ['masked', 'unmasked'] as const) {
    const text = model.text.pooler.apply(hidden, variant === 'masked' ? mask : undefined)
    const normalized = l2Normalize(text, { axis: 1 })
    const similarity = matmul(image, normalized, { transposeB: true })
    outputs[`text_pooled_${variant}`] = text
    outputs[`text_normalized_${variant}`] = normalized
    outputs[`similarity_${variant}`] = similarity
    outputs[`probability_${variant}`] = softmax(mul(similarity, 1 / tau), { axis: -1 })
    outputs[`loss_${variant}`] = contrastiveLoss(pooled, text, tau)
    // [N, T, C] x [prompts, C] to [N, prompts, T]
    outputs[`dense_similarity_${variant}`] = permute(
      matmul(denseNormalized, normalized, { transposeB: true }),
      [0, 2, 1],
    )
  }
  return outputs
}

/** Symmetric InfoNCE over the first min(images, prompts) pairs. */
export function contrastiveLoss(image: Tensor, text: Tensor, tau: number): Tensor {
  const pairs = Math.min(image.shape[0]!, text.shape[0]!)
  const first = (x: Tensor) =>
    slice(x, [
      [0, pairs, 1],
      [0, x.shape[1]!, 1],
    ])
  return infoNCE(first(image), first(text), { temperature: tensor(image.device, tau), normalize: true }).loss
}

/** The loss with masked pooling, through both towers. */
export function towerLoss(model: Colipri, { volume, ids, mask }: TowerInputs, tau: number): Tensor {
  return scope(() => {
    const image = model.image.pooler.apply(model.image.project(model.image.encode(volume).tokens))
    return contrastiveLoss(image, model.text.encode(ids, mask), tau)
  })
}

async function gradientChecks(
  row: GoldenRow,
  golden: GoldenFile,
  model: Colipri,
  inputs: TowerInputs,
): Promise<CheckResult[]> {
  const names = golden.names('grad.')
  if (names.length === 0) return []
  const params: Params = row.params
  scope(() => backward(towerLoss(model, inputs, params.tau)))
  const checks: CheckResult[] = []
  for (const name of names) {
    const parameter = model.parameters.parameters.get(name)!
    const got = await inCheckpointLayout(parameter.value.grad!, parameter.declaration.axes)
    const want = golden.values(`grad.${name}`)
    checks.push(checkNumbers(`grad.${name}`, got, want, goldenBound(row, `grad.${name}`, want)))
  }
  return checks
}

/** Values of one of our tensors in the order of the checkpoint. */
export async function inCheckpointLayout(
  value: Tensor,
  axes: readonly number[] | undefined,
): Promise<ArrayLike<number>> {
  if (!axes) return value.data()
  const inverse = axes.map((_, axis) => axes.indexOf(axis))
  const laid = scope(() => permute(value, inverse))
  const data = await laid.data()
  laid.dispose()
  return data
}
