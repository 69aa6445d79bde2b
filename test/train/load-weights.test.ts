import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel } from '../../src/inference/index.js'
import { findWeights, loadTaskWeights, type TrainingTask } from '../../src/train/index.js'
import { writeWeights } from '../../src/train/trainer/weights-file.js'
import { buildRecipe } from './recipes/helpers.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-weights-'))
})
afterAll(() => rm(folder, { recursive: true }))

const store = (task: TrainingTask, path: string) =>
  writeWeights(path, task.parameters, (_, { value }) => value, task.metadata)

describe('weights of a task', () => {
  it('come back from a file, and those of COLIPRI-CRM are a model without its decoders', async () => {
    const path = join(folder, 'model.safetensors')
    const task = await buildRecipe('colipri-crm', { model: 'smoke' })
    await store(task, path)
    const changed = [...task.parameters.values()].find(({ name }) => name.endsWith('proj.weight'))!
    const before = Array.from(await changed.value.data())
    changed.value.write(new Float32Array(before.length))
    await loadTaskWeights(task, path, 'f32')
    expect(Array.from(await changed.value.data())).toEqual(before)
    expect([...task.parameters.keys()].some((name) => name.startsWith('report_decoder.'))).toBe(true)
    const model = await loadModel('colipri', { weights: path, device: task.device })
    const vector = await model.encodeText('No pleural effusion.')
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    model.dispose()
    task.dispose()
  })

  it('that do not fit are refused', async () => {
    const path = join(folder, 'other.safetensors')
    const [small, other] = [
      await buildRecipe('colipri-c', { model: 'smoke' }),
      await buildRecipe('colipri-cm', { model: 'smoke' }),
    ]
    await store(small, path)
    await expect(loadTaskWeights(other, path, 'f32')).rejects.toThrow('masked_decoder')
    small.dispose()
    other.dispose()
  })
})

describe('findWeights', () => {
  it("prefers a run's best weights, and says what to do where there are none", async () => {
    const run = join(folder, 'run')
    await mkdir(run)
    expect(() => findWeights(run)).toThrow('--checkpoint')
    await writeFile(join(run, 'model.safetensors'), '')
    expect(findWeights(run)).toBe(join(run, 'model.safetensors'))
    await writeFile(join(run, 'best.safetensors'), '')
    expect(findWeights(run)).toBe(join(run, 'best.safetensors'))
    expect(findWeights(join(run, 'model.safetensors'))).toBe(join(run, 'model.safetensors'))
  })
})
