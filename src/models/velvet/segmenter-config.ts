import { VoxgradError } from '../../engine/index.js'
import type { WeightSource } from '../weights.js'
import type { Merging } from './config.js'
import type { SwinUnetrConfig } from './swin-unetr.js'

/**
 * The architecture of a SwinUNETR from the shapes of its weights; names as the model has them. Patch merging leaves no
 * trace in shapes, so it is given.
 *
 * @throws VoxgradError when the tensors that tell it are missing.
 */
export function segmenterConfigOf(weights: WeightSource, merging: Merging): SwinUnetrConfig {
  const shape = (name: string): readonly number[] => {
    if (!weights.names.includes(name)) {
      throw new VoxgradError(`${weights.path}: has no ${name}, so these are not the weights of a SwinUNETR`)
    }
    return weights.header(name).shape
  }
  const [classes] = shape('out.conv.conv.weight') as [number]
  const [features, inChannels, patch] = shape('swinViT.patch_embed.proj.weight') as [number, number, number]
  const [hidden] = shape('swinViT.layers1.0.blocks.0.mlp.linear1.weight') as [number]
  const depths: number[] = []
  const heads: number[] = []
  let positions = 1
  for (let stage = 1; weights.names.some((name) => name.startsWith(`swinViT.layers${stage}.`)); stage++) {
    const block = (i: number): string => `swinViT.layers${stage}.0.blocks.${i}.attn.relative_position_bias_table`
    let depth = 0
    while (weights.names.includes(block(depth))) depth++
    const [rows, count] = shape(block(0)) as [number, number]
    positions = rows
    depths.push(depth)
    heads.push(count)
  }
  const window = (Math.round(Math.cbrt(positions)) + 1) / 2
  return {
    classes,
    vision: { inChannels, features, depths, heads, window, patch, mlpRatio: hidden / features, merging },
  }
}
