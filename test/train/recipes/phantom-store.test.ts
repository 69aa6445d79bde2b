import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { phantomStudy } from '../../../src/data/phantom/index.js'
import { keptPhantom } from '../../../src/train/recipes/phantom-store.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'voxgrad-phantoms-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const options = { shape: [16, 12, 16], difficulty: 0, noise: 1 } as const

const files = (): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\./.test(name))

test('a kept phantom is what the generator makes, and is made once', async () => {
  const made = await keptPhantom(3, options, folder)
  const [name] = files()
  const { mtimeMs } = statSync(join(folder, name!))
  const kept = await keptPhantom(3, { noise: 1, difficulty: 0, shape: [16, 12, 16] }, folder)
  expect(made).toEqual(phantomStudy(3, options))
  expect(kept).toEqual(made)
  expect(files()).toHaveLength(1)
  expect(statSync(join(folder, name!)).mtimeMs).toBe(mtimeMs)
})

test('other options are other phantoms', async () => {
  await keptPhantom(3, options, folder)
  const other = await keptPhantom(3, { ...options, difficulty: 1 }, folder)
  expect(other).toEqual(phantomStudy(3, { ...options, difficulty: 1 }))
  expect(files()).toHaveLength(2)
})

test('a file that cannot be read is made again', async () => {
  await keptPhantom(3, options, folder)
  const path = join(folder, files()[0]!)
  writeFileSync(path, 'half a file')
  expect(await keptPhantom(3, options, folder)).toEqual(phantomStudy(3, options))
  expect(statSync(path).size).toBeGreaterThan(100)
})

test('without a folder nothing is kept', async () => {
  expect(await keptPhantom(3, options, undefined)).toEqual(phantomStudy(3, options))
  expect(files()).toEqual([])
})
