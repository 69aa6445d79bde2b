/** Configurations: defaults, settings on the command line, and mistakes that are told in full. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkConfig, nearest, readConfig } from '../../../src/train/config/index.js'
import { type Recipe, recipeRegistry } from '../../../src/train/index.js'
import { recipes as shippedRecipes } from '../../../src/train/recipes/index.js'

const folder = mkdtempSync(join(tmpdir(), 'voxgrad-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const recipe: Recipe = {
  name: 'plain',
  doc: 'For tests',
  schema: z.strictObject({
    model: z.strictObject({ width: z.int().default(8), patch: z.tuple([z.int(), z.int()]).optional() }).prefault({}),
    data: z.strictObject({ studies: z.int().default(4) }).prefault({}),
  }),
  trainDefaults: { epochs: 3, optimizer: { name: 'adamw', lr: 0.5, weightDecay: 0.2 }, clip: 2 },
  build: () => Promise.reject(new Error('configurations are only read here')),
}
const recipes = recipeRegistry([recipe])

function read(text: string, set: readonly string[] = []) {
  const path = join(folder, 'test.yaml')
  writeFileSync(path, text)
  return readConfig(path, { recipes, set })
}

describe('a configuration', () => {
  it('has defaults: ours, and above them those of the recipe', async () => {
    const { train, output, options } = await read('recipe: plain\ntrain:\noutput:')
    expect(options).toEqual({ model: { width: 8 }, data: { studies: 4 } })
    expect(train).toMatchObject({ epochs: 3, batchSize: 8, clip: 2, precision: 'f32' })
    expect(train.optimizer).toEqual({ name: 'adamw', lr: 0.5, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.2 })
    expect(output).toMatchObject({ keepLast: 2, bestIs: 'highest' })
  })

  it('takes the place of the defaults, and settings of the command line that of both', async () => {
    const { train, options } = await read(
      'recipe: plain\nmodel: {width: 2}\ntrain: {steps: 7, optimizer: {name: sgd, lr: 0.1}, groups: [{match: [a*]}]}',
      ['train.optimizer.lr=1e-4', 'model.patch=[2, 3]', 'train.groups.0.lrScale=0.5', 'train.freeze=["*.bias"]'],
    )
    expect(train).toMatchObject({ steps: 7, freeze: ['*.bias'], groups: [{ match: ['a*'], lrScale: 0.5 }] })
    expect(train.epochs).toBeUndefined()
    expect(train.optimizer).toMatchObject({ name: 'sgd', lr: 1e-4, weightDecay: 0 })
    expect(options).toMatchObject({ model: { width: 2, patch: [2, 3] } })
  })

  it('is refused with every mistake and the key that was meant', async () => {
    await expect(read('recipe: plain\ntrain: {btachSize: 4}')).rejects.toThrow(
      /test\.yaml: train\.btachSize is unknown: did you mean train\.batchSize\?/,
    )
    await expect(read('recipe: plain\ntrain: {lr: 4}')).rejects.toThrow('did you mean train.optimizer.lr?')
    await expect(read('recipe: plain\ntrain: {optimizer: {name: adamw, weightdecay: 1}}')).rejects.toThrow(
      'train.optimizer.weightdecay is unknown: did you mean train.optimizer.weightDecay?',
    )
    await expect(read('recipe: plain\nmodel: {widht: 1}')).rejects.toThrow('did you mean model.width?')
    await expect(read('recipe: plain\ntrian: {}')).rejects.toThrow('trian is unknown: did you mean train?')
    await expect(read('recipe: plain\ntrain: {groups: [{match: [a], lrscale: 1}]}')).rejects.toThrow(
      'train.groups.0.lrscale is unknown: did you mean train.groups.0.lrScale?',
    )
    await expect(read('recipe: plain\nmodel: {width: wide}\ntrain: {clip: -1, xyzzy: 1}')).rejects.toThrow(
      /3 mistakes: .*train\.clip: .*train\.xyzzy is unknown: .*model\.width: /,
    )
    await expect(read('recipe: plain\ntrain: {steps: 1, epochs: 1}')).rejects.toThrow('either steps or epochs')
    await expect(read('recipe: plain\ntrain: {steps: 1, microBatchSize: 9}')).rejects.toThrow('larger than batchSize')
  })

  it('is refused when it is no YAML, no mapping, of no known recipe, or not there', async () => {
    await expect(read('recipe: [')).rejects.toThrow('test.yaml: is not YAML')
    await expect(read('recipe: plain\nrecipe: plain')).rejects.toThrow('is not YAML')
    await expect(read('- 1')).rejects.toThrow('not a mapping')
    await expect(read('recipe: plian')).rejects.toThrow("there is no recipe 'plian'. Did you mean plain?")
    await expect(read('train: {}')).rejects.toThrow('recipe must be the name of one: plain')
    await expect(read('recipe: plain', ['train.seed'])).rejects.toThrow('--set')
    await expect(readConfig('nowhere', { recipes })).rejects.toThrow('nowhere: there is no such configuration')
    await expect(readConfig('smoek', { recipes })).rejects.toThrow('Did you mean smoke?')
  })

  it('tells what is wrong inside one of several forms, and that a name has no keys', async () => {
    const colipri = shippedRecipes.get('colipri-c')!
    const wrong = () => checkConfig({ train: { steps: 1 }, model: { imag: {} } }, 'test.yaml', colipri)
    expect(wrong).toThrow('model.imag is unknown: did you mean model.image?')
    const neither = () => checkConfig({ train: { steps: 1 }, model: 'smoek' }, 'test.yaml', colipri)
    expect(neither).toThrow(/model: .*smoke.*, or model: .*object/)
    const inside = readConfig('smoke', { recipes: shippedRecipes, set: ['model.image.depth=3'] })
    await expect(inside).rejects.toThrow(`the configuration has "smoke" where 'image' would be a key`)
  })
})

describe('nearest', () => {
  it('finds a name itself first, and one with a slip', () => {
    const names = ['batchSize', 'microBatchSize', 'optimizer', 'schedule', 'seed', 'clip']
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), (name, at) => {
        const slip = name.slice(0, at % name.length) + name.slice((at % name.length) + 1)
        expect(nearest(name, names)[0]).toBe(name)
        expect(nearest(slip, names)[0]).toBe(name)
      }),
    )
    expect(nearest('xyzzy', names)).toEqual([])
  })
})
