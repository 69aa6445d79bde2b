/** Every configuration that ships is one that its recipe takes, and says what it is. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readConfig, recipes } from '../../../src/train/index.js'

const folder = fileURLToPath(new URL('../../../recipes/', import.meta.url))

describe('shipped configurations', () => {
  it.each(readdirSync(folder))('%s', async (file) => {
    const name = file.replace(/\.yaml$/, '')
    const config = await readConfig(name, { recipes })
    expect(config.output.folder).toBe(`runs/${name}`)
    expect(readFileSync(`${folder}${file}`, 'utf8')).toMatch(/^# .{40}/)
    expect(config.train.steps ?? config.train.epochs).toBeGreaterThan(0)
  })

  it('names a wrong key and the right one', async () => {
    const set = ['objective.temprature=1']
    await expect(readConfig('smoke', { recipes, set })).rejects.toThrow('temperature')
  })
})
