/** Runs the examples of docs/colipri.md and README.md as printed there, on small random weights. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { makeChestPhantom, readVolume, writeNifti } from '../../src/data/index.js'
import { writeRandomWeights } from '../../src/inference/index.js'
import { tinyConfig } from '../support/colipri.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-docs-'))
  await writeRandomWeights(join(folder, 'w.safetensors'), { config: tinyConfig, seed: 1 })
  for (const [seed, name] of ['scan', 'other'].entries()) {
    const { volume } = makeChestPhantom({ seed, shape: [40, 36, 30], spacingMm: [9, 9, 10] })
    await writeNifti(join(folder, `${name}.nii.gz`), volume)
  }
})

afterAll(() => rm(folder, { recursive: true }))

/** The first example of a page that loads the model, with local files for the published ones. */
async function example(page: string): Promise<string> {
  const text = await readFile(join(root, page), 'utf8')
  const block = [...text.matchAll(/```ts\n([\s\S]*?)```/g)]
    .map(([, code]) => code!)
    .find((code) => code.includes('loadModel('))
  return block!
    .replace("loadModel('colipri')", `loadModel('colipri', { weights: '${join(folder, 'w.safetensors')}' })`)
    .replaceAll(/'(\w+\.nii\.gz)'/g, (_, name) => `'${join(folder, name)}'`)
    .replace("from 'voxgrad'", `from '${join(root, 'src/index.ts')}'`)
}

describe.each(['docs/colipri.md', 'README.md'])('%s', (page) => {
  it('shows an example that works', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    await mkdir(join(root, 'out'), { recursive: true })
    const file = join(root, 'out', `example-${page.replace(/\W/g, '-')}.ts`)
    await writeFile(file, await example(page))
    try {
      await import(/* @vite-ignore */ file)
      expect(log).toHaveBeenCalled()
    } finally {
      log.mockRestore()
      await rm(file)
    }
    expect((await readVolume(join(folder, 'map.nii.gz'))).shape).toEqual([40, 36, 30])
    await rm(join(folder, 'map.nii.gz'))
  })
})
