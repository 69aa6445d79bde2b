/** A real recipe with f16 weights and activations, and with blocks that are computed again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openSafetensors, toFloat32 } from '../../../src/data/index.js'
import { checkConfig, type StepEvent, train } from '../../../src/train/index.js'
import { recipes } from '../../../src/train/recipes/index.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()
const root = mkdtempSync(join(tmpdir(), 'voxgrad-precision-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

const objective = { generation: 0.5, maskedBlocks: 1, decoder: { layers: 1, heads: 2, hiddenFeatures: 48 } }

async function trained(settings: object): Promise<{ readonly events: StepEvent[]; readonly path: string }> {
  const recipe = recipes.get('colipri-crm')!
  const config = checkConfig(
    {
      train: {
        steps: 6,
        batchSize: 4,
        workers: 0,
        optimizer: { name: 'adamw', lr: 2e-3 },
        schedule: { name: 'constant' },
        ...settings,
      },
      ...{ model: 'smoke', objective, data: { source: 'phantoms', train: 4, validation: 2, test: 1 } },
    },
    'test',
    recipe,
  )
  const { precision: dtype, checkpointing } = config.train
  const task = await recipe.build(config.options, { device, seed: 3, dtype, checkpointing })
  const folder = join(root, String(folders++))
  const events: StepEvent[] = []
  const observers = [{ onStep: (event: StepEvent) => void events.push(event) }]
  try {
    await train(task, { config, folder, observers })
    return { events, path: join(folder, 'model.safetensors') }
  } finally {
    task.dispose()
  }
}

const losses = ({ events }: { readonly events: readonly StepEvent[] }) => events.map(({ loss }) => loss)

describe('colipri-crm', () => {
  it('trains f16 from f32 copies, and the same with blocks computed again, in less memory', async () => {
    const before = device.memory().liveStorages
    const wide = await trained({})
    expect(losses(wide).at(-1)!).toBeLessThan(0.9 * losses(wide)[0]!)

    const again = await trained({ checkpointing: true })
    for (const [n, loss] of losses(wide).entries()) expect(losses(again)[n]).toBeCloseTo(loss, 4)
    expect(again.events[4]!.peakBytes).toBeLessThan(wide.events[4]!.peakBytes)

    const narrow = await trained({ checkpointing: true, precision: 'f16', lossScale: { initial: 1024 } })
    expect(narrow.events.every(({ skipped }) => !skipped)).toBe(true)
    // Two digits of f16's three are left behind a model; they drift apart from step to step.
    for (const [n, loss] of losses(wide).entries()) expect(Math.abs(losses(narrow)[n]! / loss - 1)).toBeLessThan(0.02)
    expect(narrow.events[4]!.peakBytes).toBeLessThan(again.events[4]!.peakBytes)
    expect(device.memory().liveStorages).toBe(before)

    // What is stored are the copies, which know more digits than f16.
    await using file = await openSafetensors(narrow.path)
    const name = file.names.find((each) => each.endsWith('.weight'))!
    const values = toFloat32(await file.read(name))
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    expect(bits.filter((word) => (word & 0x1fff) !== 0).length).toBeGreaterThan(values.length / 2)
  })
})
