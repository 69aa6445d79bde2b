import { describe, expect, it } from 'vitest'
import { ParameterScope, type WeightSource } from '../../../src/models/index.js'
import { segmenterConfigOf } from '../../../src/models/velvet/segmenter-config.js'
import { SwinUnetr } from '../../../src/models/velvet/swin-unetr.js'
import { TriBert } from '../../../src/models/velvet/tribert.js'
import { loadByRule, loadCxrBert, renameWeights, velvetWeightRules } from '../../../src/models/velvet/weight-rules.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()

function source(shapes: Readonly<Record<string, readonly number[]>>, value = (n: number) => n): WeightSource {
  return {
    path: 'weights.pt',
    names: Object.keys(shapes),
    header: (name) => ({ shape: shapes[name]!, dtype: 'F32' }),
    readFloat32: async (name) =>
      Float32Array.from({ length: shapes[name]!.reduce((product, n) => product * n, 1) }, (_, n) => value(n)),
  }
}

const named = (names: readonly string[]): WeightSource => source(Object.fromEntries(names.map((name) => [name, [1]])))

describe('rules', () => {
  it('rename model_swinvit.pt and pass over its final norm', () => {
    const { renamed, passedOver } = renameWeights(
      named([
        'state_dict.module.patch_embed.proj.bias',
        'state_dict.module.layers1.0.blocks.0.mlp.fc1.weight',
        'state_dict.module.layers2.0.blocks.1.attn.relative_position_index',
        'state_dict.module.norm.weight',
      ]),
      velvetWeightRules.modelSwinVit,
    )
    expect(renamed.names).toEqual(['patch_embed.proj.bias', 'layers1.0.blocks.0.mlp.linear1.weight'])
    expect(passedOver).toHaveLength(2)
  })

  it('remove one level of the Disruptive Autoencoders', () => {
    const { renamed, passedOver } = renameWeights(
      named([
        'model.encoder.patch_embed.proj.weight',
        'model.encoder.layers3.0.0.blocks.1.norm1.weight',
        'model.encoder.mask_token',
        'model.encoder.norm.bias',
        'model.decoder.weight',
      ]),
      velvetWeightRules.disruptiveAutoencoder,
    )
    expect(renamed.names).toEqual(['patch_embed.proj.weight', 'layers3.0.blocks.1.norm1.weight'])
    expect(passedOver).toHaveLength(3)
  })

  it('take the prefix of the authors off', () => {
    const { renamed } = renameWeights(
      named(['vision_ssl.vision_encoder.patch_embed.proj.bias', 'mm_adpater.0.bias']),
      velvetWeightRules.velvetEncoder,
    )
    expect(renamed.names).toEqual(['patch_embed.proj.bias'])
  })

  it('make loading nothing an error', () => {
    expect(() => renameWeights(named(['encoder.weight']), velvetWeightRules.velvetEncoder)).toThrow(
      /nothing was loaded/,
    )
  })
})

describe('segmenterConfigOf', () => {
  const config = {
    classes: 3,
    vision: {
      inChannels: 1,
      features: 4,
      depths: [2, 1, 1, 1],
      heads: [1, 2, 2, 4],
      window: 3,
      patch: 2,
      mlpRatio: 4,
      merging: 'legacy',
    },
  } as const

  it('reads the architecture back from the shapes, and the weights load by their rule', async () => {
    const model = new SwinUnetr(new ParameterScope(device), {
      ...config,
      vision: { ...config.vision, depths: [...config.vision.depths], heads: [...config.vision.heads] },
    })
    expect(model.config.classes).toBe(3)
    const parameters = new ParameterScope(device)
    new SwinUnetr(parameters, model.config)
    const shapes = Object.fromEntries(
      [...parameters.parameters.values()].map(({ name, declaration }) => [`segmenter.${name}`, declaration.shape]),
    )
    const { renamed } = renameWeights(source(shapes), velvetWeightRules.velvetSegmenter)
    expect(segmenterConfigOf(renamed, 'legacy')).toEqual(config)
    const report = await loadByRule(parameters, source(shapes), velvetWeightRules.velvetSegmenter)
    expect(report).toEqual({ loaded: [...parameters.parameters.keys()], passedOver: [] })
    for (const parameter of parameters.parameters.values()) parameter.dispose()
  })

  it('says what is missing', () => {
    expect(() => segmenterConfigOf(named(['conv.weight']), 'legacy')).toThrow(/out\.conv\.conv\.weight/)
  })
})

describe('loadCxrBert', () => {
  const config = {
    vocabulary: 8,
    features: 2,
    hiddenFeatures: 4,
    textLayers: 1,
    fusionLayers: 1,
    heads: 1,
    positions: 4,
    tokenTypes: 3,
    firstSentenceId: 6,
  }

  it('gives sentence tokens the row of [CLS], and types the first type', async () => {
    const parameters = new ParameterScope(device)
    new TriBert(parameters, config)
    const donor: Record<string, readonly number[]> = { 'cls.predictions.bias': [6] }
    for (const { name, declaration } of parameters.parameters.values()) {
      if (!name.startsWith('encoder.layer.1.')) donor[`bert.${name}`] = declaration.shape
    }
    donor['bert.embeddings.word_embeddings.weight'] = [6, 2]
    donor['bert.embeddings.token_type_embeddings.weight'] = [2, 2]
    const report = await loadCxrBert(parameters, source(donor), config)
    expect(report.passedOver).toEqual(['cls.predictions.bias'])
    const words = await parameters.parameters.get('embeddings.word_embeddings.weight')!.value.data()
    expect([...words.subarray(8)]).toEqual([8, 9, 10, 11, 4, 5, 4, 5])
    const types = await parameters.parameters.get('embeddings.token_type_embeddings.weight')!.value.data()
    expect([...types]).toEqual([0, 0, 0, 1, 0, 1])
    expect(parameters.parameters.get('encoder.layer.1.output.dense.bias')!.loaded).toBe(false)
    for (const parameter of parameters.parameters.values()) parameter.dispose()
  })
})
