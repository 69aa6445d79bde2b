/** COLIPRI's embeddings, with random weights: the time does not depend on their values. */
import { type Device, noGrad, type Tensor, tensor } from '../../src/engine/index.js'
import { Colipri } from '../../src/models/colipri/colipri.js'
import { type ColipriConfig, colipriPublished } from '../../src/models/colipri/config.js'
import type { BenchModel, ModelCase, PreparedModel } from '../model.js'
import type { PeerModel } from '../peer.js'
import { uniform } from '../values.js'

/** Every part of the published model at a size that a software adapter runs in a fraction of a second. */
const small: ColipriConfig = {
  ...colipriPublished,
  image: {
    ...colipriPublished.image,
    inputSize: [48, 48, 48],
    features: 72,
    depth: 2,
    heads: 2,
    poolerHeads: 2,
  },
  projectionFeatures: 64,
}

/** All voxels and tokens of the published model, and one of its sixteen blocks, which are alike: a minute of processor time. */
const oneBlock: ColipriConfig = { ...colipriPublished, image: { ...colipriPublished.image, depth: 1 } }

const seed = 1
/** Unit vectors: what every embedding must be, whatever the weights. */
const unitTolerance = { f32: 1e-4, f16: 5e-3 }

async function checkUnit(embedding: Tensor, dtype: 'f32' | 'f16') {
  const values = Float64Array.from(await embedding.data())
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  const error = Number.isNaN(length) ? Number.POSITIVE_INFINITY : Math.abs(length - 1)
  return { correct: error <= unitTolerance[dtype], maxRelError: error, against: 'length 1 of the embedding' }
}

async function prepare(device: Device, dtype: 'f32' | 'f16', config: ColipriConfig): Promise<PreparedModel> {
  const model = new Colipri(device, { config, dtype, imageOnly: true }).initialize(seed)
  const shape = [1, ...config.image.inputSize, 1]
  const values = uniform(
    shape.reduce((a, b) => a * b),
    seed,
  )
  const volume = tensor(device, values, shape, { dtype })
  const embed = () => model.embedImage(volume)
  return { ...prepared(dtype, embed, [volume, model]), forPeers: () => imageForPeers(model, volume, embed, dtype) }
}

/** The image tower with its values, in f32, and the embedding of the volume. */
async function imageForPeers(model: Colipri, volume: Tensor, embed: () => Tensor, dtype: 'f32' | 'f16') {
  const { heads, poolerHeads, depth } = model.config.image
  const used = [...model.parameters.parameters.values()].filter(({ loaded }) => loaded)
  using table = model.image.ropeTable(volume.device, model.image.gridOf(volume.shape))
  using embedding = noGrad(embed)
  const inputs: PeerModel['inputs'] = []
  for (const value of [volume, table, ...used.map(({ value }) => value)]) {
    inputs.push({ shape: [...value.shape], data: Float32Array.from(await value.data()) })
  }
  const names = used.map(({ name }) => name)
  const options = { names, heads, poolerHeads, depth }
  const problem: PeerModel = { kind: 'colipriImage', dtype, direction: 'forward', inputs, options }
  return { problem, ours: await embedding.data() }
}

/** Texts as long as the tower takes them. */
async function prepareText(device: Device, dtype: 'f32' | 'f16', texts: number): Promise<PreparedModel> {
  const { vocabulary, positions } = colipriPublished.text
  // The image tower is not run: one block of it takes less memory.
  const config = { ...colipriPublished, image: { ...colipriPublished.image, depth: 1 } }
  const model = new Colipri(device, { config, dtype }).initialize(seed)
  const values = uniform(texts * positions, seed)
  const ids = tensor(
    device,
    Int32Array.from(values, (value) => Math.floor((value * 0.5 + 0.5) * (vocabulary - 1))),
    [texts, positions],
  )
  const mask = tensor(device, new Uint32Array(texts * positions).fill(1), [texts, positions])
  return prepared(dtype, () => model.embedText(ids, mask), [ids, mask, model])
}

function prepared(dtype: 'f32' | 'f16', embed: () => Tensor, parts: readonly { dispose(): void }[]): PreparedModel {
  return {
    run: () => noGrad(() => embed().dispose()),
    check: async () => {
      using embedding = noGrad(embed)
      return await checkUnit(embedding, dtype)
    },
    checkExecutesOnce: true,
    dispose: () => {
      for (const part of parts) part.dispose()
    },
  }
}

function embedCase(name: string, config: ColipriConfig, size: { quick: boolean; software: boolean }): ModelCase {
  return {
    name,
    shape: [[1, ...config.image.inputSize, 1]],
    options: { features: config.image.features, depth: config.image.depth },
    ...size,
    ...(config !== oneBlock && { makes: { count: 1, what: 'volumes' } }),
    prepare: (device, dtype) => prepare(device, dtype, config),
  }
}

export const model: BenchModel = {
  name: 'colipri',
  cases: [
    {
      name: 'embed a report',
      shape: [[1, colipriPublished.text.positions]],
      options: { layers: colipriPublished.text.layers },
      ...{ quick: false, software: false },
      makes: { count: 1, what: 'texts' },
      prepare: (device, dtype) => prepareText(device, dtype, 1),
    },
    embedCase('embed, small configuration', small, { quick: true, software: true }),
    embedCase('embed, one block of sixteen', oneBlock, { quick: false, software: false }),
    embedCase('embed', colipriPublished, { quick: false, software: false }),
  ],
}
