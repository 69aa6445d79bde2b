/** Real recipes whose batch is cut into chunks and over ranks: the same training, in the memory of a chunk. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Device } from '../../../src/engine/index.js'
import type { Collective, StepEvent } from '../../../src/train/index.js'
import { checkConfig, inProcessCollectives, soloCollective, train } from '../../../src/train/index.js'
import { colipriModels } from '../../../src/train/recipes/colipri-options.js'
import { recipes } from '../../../src/train/recipes/index.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()
const root = mkdtempSync(join(tmpdir(), 'voxgrad-large-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

const { smoke } = colipriModels
/** 16³ voxels: eight patches. */
const model = {
  ...smoke,
  image: { ...smoke.image, inputSize: [16, 16, 16], spacingMm: [24, 24, 24] },
}
const decoder = { layers: 1, heads: 2, hiddenFeatures: 48 }
/** Reports as long as they are make different numbers of tokens; shortening and masking draw at random. */
const all = { contrast: 1, generation: 0.5, masking: 1, opposites: 0.3, slots: 3, maskedBlocks: 1, decoder }

interface Outcome {
  readonly events: readonly StepEvent[]
  readonly weights: readonly Float32Array[]
}

async function trained(
  name: string,
  settings: { readonly batchSize: number } & Record<string, unknown>,
  options: Record<string, unknown> = {},
  { collective = soloCollective, on = device }: { collective?: Collective; on?: Device } = {},
): Promise<Outcome> {
  const recipe = recipes.get(name)!
  const data = { source: 'phantoms', train: settings.batchSize * collective.size, validation: 1, test: 1 }
  const optimizer = { name: 'sgd', lr: 0.05, momentum: 0, weightDecay: 0 }
  const config = checkConfig(
    {
      train: { steps: 2, workers: 0, optimizer, schedule: { name: 'constant' }, ...settings },
      model,
      data,
      ...options,
    },
    'test',
    recipe,
  )
  const { precision, checkpointing } = config.train
  const task = await recipe.build(config.options, { device: on, seed: 3, dtype: precision, checkpointing })
  const events: StepEvent[] = []
  const observers = [{ onStep: (event: StepEvent) => void events.push(event) }]
  // Scores are not what is looked at here.
  const { evaluate: _, ...rest } = { ...task, collate: task.collate.bind(task), loss: task.loss.bind(task) }
  try {
    await train(rest as typeof task, { config, folder: join(root, String(folders++)), observers, collective })
    const values = await Promise.all([...task.parameters.values()].map(({ value }) => value.data()))
    return { events, weights: values.map((each) => Float32Array.from(each)) }
  } finally {
    task.dispose()
  }
}

function expectSame(own: Outcome, whole: Outcome): void {
  const numbers = ({ events }: Outcome) => events.flatMap(({ loss, metrics }) => [loss, ...Object.values(metrics)])
  const names = ({ events }: Outcome) => events.map(({ metrics }) => Object.keys(metrics).sort())
  expect(names(own)).toEqual(names(whole))
  const sorted = (outcome: Outcome) => numbers(outcome).sort((a, b) => a - b)
  for (const [n, value] of sorted(whole).entries()) expect(Math.abs(sorted(own)[n]! - value)).toBeLessThan(1e-5)
  for (const [n, values] of whole.weights.entries()) {
    const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(own.weights[n]![i]! - value)), 0)
    expect(worst).toBeLessThan(1e-5)
  }
}

const cases: [name: string, recipe: string, objective: object][] = [
  ['colipri-c', 'colipri-c', {}],
  ['colipri-crm with opposites', 'colipri-crm', all],
  ['clip3d', 'clip3d', {}],
]

describe.each(cases)('%s', (_, name, objective) => {
  it('trains the same in chunks and over ranks as in one piece', async () => {
    const before = device.memory().liveStorages
    const whole = await trained(name, { batchSize: 4 }, { objective })
    expect(whole.events).toHaveLength(2)
    expectSame(await trained(name, { batchSize: 4, microBatchSize: 3, gradientCaching: true }, { objective }), whole)
    const ranks = await Promise.all(
      inProcessCollectives(2).map((collective) =>
        trained(name, { batchSize: 2, microBatchSize: 1 }, { objective }, { collective }),
      ),
    )
    expectSame(ranks[0]!, whole)
    expectSame({ ...ranks[1]!, events: whole.events }, whole)
    expect(device.memory().liveStorages).toBe(before)
  })
})

/** Reports that all lose their end make chunks of one length, whatever is drawn. */
const shortTexts = { ...all, maxTokens: 12 }

/** The most bytes of the second step, beyond what was there, and those of the parameters. */
async function memoryOf(batchSize: number): Promise<{ readonly peak: number; readonly parameters: number }> {
  const before = device.memory().liveBytes
  const settings = { batchSize, microBatchSize: 16, gradientCaching: true }
  const { events, weights } = await trained('colipri-crm', settings, { objective: shortTexts })
  return {
    peak: events[1]!.peakBytes - before,
    parameters: weights.reduce((sum, { byteLength }) => sum + byteLength, 0),
  }
}

/** Of both towers: whole, joined, with their gradients; and what the loss keeps of N x N products. */
const embeddingBytes = (samples: number) => 8 * 2 * samples * model.projectionFeatures * 4 + 4 * samples * samples * 4

describe('memory of gradient caching', () => {
  const sizes = process.env.VOXGRAD_SLOW_TESTS === '1' ? [64, 1024] : [64]
  it.each(sizes)(
    'a batch of %i takes that of 16, and its embeddings',
    async (batchSize) => {
      const [small, large] = [await memoryOf(16), await memoryOf(batchSize)]
      // From the second chunk on, there are gradients of parameters while activations are at their most.
      expect(large.peak).toBeLessThan(small.peak + small.parameters + embeddingBytes(batchSize))
    },
    300_000,
  )
})
