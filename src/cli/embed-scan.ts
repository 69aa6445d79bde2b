/** One scan through COLIPRI's image tower, with the time each stage took. */
import { performance } from 'node:perf_hooks'
import { openWeights, preprocess, readVolume, type Volume } from '../data/index.js'
import { type Device, tensor } from '../engine/index.js'
import { type Colipri, type ColipriConfig, colipriPreprocessing, type WeightSource } from '../models/index.js'

/** Milliseconds by stage, in the order they ran. */
export class Stopwatch {
  readonly timesMs: Record<string, number> = {}

  async time<T>(stage: string, run: () => T | Promise<T>): Promise<T> {
    const start = performance.now()
    const result = await run()
    this.timesMs[stage] = Math.round((performance.now() - start) * 10) / 10
    return result
  }
}

/** Runs `use` with weights of any format, read tensor by tensor. */
export async function withWeights<T>(path: string, use: (weights: WeightSource) => Promise<T>): Promise<T> {
  await using weights = await openWeights(path)
  return await use(weights)
}

/** The scan as the network takes it: `[D, H, W]` along superior, anterior and right, scaled to [-1, 1]. */
export async function prepareScan(path: string, config: ColipriConfig, stopwatch: Stopwatch): Promise<Volume> {
  const scan = await stopwatch.time('read', () => readVolume(path))
  return await stopwatch.time('preprocess', () => preprocess(scan, colipriPreprocessing(config)))
}

/** A prepared scan to its unit vector. */
export async function encodeScan(
  device: Device,
  model: Colipri,
  prepared: Volume,
  stopwatch: Stopwatch,
): Promise<Float32Array> {
  return await stopwatch.time('encode', async () => {
    using volume = tensor(device, prepared.data as Float32Array, [1, ...prepared.shape, 1])
    using embedding = model.embedImage(volume)
    return (await embedding.data()) as Float32Array
  })
}

export function norm(vector: Float32Array): number {
  return Math.hypot(...vector)
}
