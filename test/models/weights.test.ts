/** State dicts against architectures: counted, checked by name, and streamed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSafetensors, openWeights, writeSafetensors } from '../../src/data/index.js'
import { writeRandomWeights } from '../../src/inference/index.js'
import {
  Colipri,
  colipriParameters,
  colipriPublished,
  countColipriElements,
  type WeightSource,
} from '../../src/models/index.js'
import { tinyConfig } from '../support/colipri.js'
import { testDevice } from '../support/device.js'

let folder = ''
let path = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-weights-'))
  path = join(folder, 'weights.safetensors')
  await writeRandomWeights(path, { config: tinyConfig, seed: 1 })
})

afterAll(() => rm(folder, { recursive: true }))

describe('the published architecture', () => {
  it('has 580 tensors of 258,367,104 elements, counted without a device', () => {
    expect(colipriParameters(colipriPublished)).toHaveLength(580)
    expect(countColipriElements(colipriPublished)).toBe(258_367_104)
    const elements = (prefix: string) =>
      colipriParameters(colipriPublished)
        .filter(({ name }) => name.startsWith(prefix))
        .reduce((sum, { declaration }) => sum + declaration.shape.reduce((a, b) => a * b, 1), 0)
    expect(elements('image_encoder.backbone.')).toBe(144_086_400)
    expect(elements('text_encoder.backbone.')).toBe(108_891_648)
    expect(elements('image_encoder.pooler.')).toBe(2_362_368)
    expect(() => colipriParameters(colipriPublished)[0]!.value).toThrow('has no value yet')
  })
})

describe('random weights', () => {
  it('are the same for a seed, and others for another', async () => {
    const [again, other] = [join(folder, 'again.safetensors'), join(folder, 'other.safetensors')]
    await writeRandomWeights(again, { config: tinyConfig, seed: 1 })
    await writeRandomWeights(other, { config: tinyConfig, seed: 2 })
    const name = 'image_encoder.backbone.eva.blocks.1.attn.q_proj.weight'
    const read = async (file: string) => {
      await using weights = await openWeights(file)
      return await weights.readFloat32(name)
    }
    const [a, b, c] = [await read(path), await read(again), await read(other)]
    expect(b).toEqual(a)
    expect(c).not.toEqual(a)
    const deviation = Math.sqrt(a.reduce((sum, value) => sum + value * value, 0) / a.length)
    expect(deviation).toBeCloseTo(0.02, 3)
  })
})

describe('loading', () => {
  it('reports what it loaded, and what it passed over', async () => {
    await using file = await openSafetensors(path)
    const tensors = new Map(await Promise.all(file.names.map(async (name) => [name, await file.read(name)] as const)))
    tensors.set('softmax_temperature', { dtype: 'F32', shape: [], data: Float32Array.of(0.5) })
    const more = join(folder, 'more.safetensors')
    await writeSafetensors(more, tensors)
    using model = new Colipri(await testDevice(), { config: tinyConfig })
    await using weights = await openWeights(more)
    const elements = countColipriElements(tinyConfig)
    expect(await model.loadReporting(weights)).toEqual({
      ...{ tensors: file.names.length, elements, tolerated: ['softmax_temperature'] },
    })
    expect(model.softmaxTemperature).toBe(0.5)
  })

  it('goes through one buffer, and waits before the driver holds more than the largest tensor', async () => {
    const device = await testDevice()
    await using weights = await openWeights(path)
    let held = 0
    let most = 0
    const buffers = new Set<ArrayBufferLike>()
    const largest = Math.max(...weights.names.map((name) => weights.header(name).shape.reduce((a, b) => a * b, 4)))
    const source: WeightSource = {
      ...weights,
      readFloat32: () => Promise.reject(new Error('a tensor was read into memory of its own')),
      async readInto(name, target) {
        buffers.add(target.buffer)
        held += target.byteLength
        most = Math.max(most, held)
        await weights.readInto!(name, target)
      },
    }
    const sync = device.sync
    device.sync = async () => {
      await sync.call(device)
      held = 0
    }
    try {
      using model = new Colipri(device, { config: tinyConfig })
      await model.load(source)
      expect(await model.parameters.parameters.get('image_encoder.projector.bias')!.value.data()).toHaveLength(32)
    } finally {
      device.sync = sync
    }
    expect(buffers.size).toBe(1)
    expect([...buffers][0]!.byteLength).toBe(largest)
    // One buffer, and at most as much in the driver: less than three times the largest tensor.
    expect(most).toBeLessThanOrEqual(largest)
  })
})
