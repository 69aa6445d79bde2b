/** Both stores, by the same rules. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ModelMismatchError, openExactStore, openStore, type StoreBackend } from '../../src/search/index.js'

const hasLance = (() => {
  try {
    createRequire(import.meta.url).resolve('@lancedb/lancedb')
    return true
  } catch {
    return false
  }
})()

let folder = ''
let next = 0
const place = () => join(folder, `store-${next++}`)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-stores-'))
})

afterAll(() => rm(folder, { recursive: true }))

const backends: StoreBackend[] = hasLance ? ['exact', 'lancedb'] : ['exact']

describe.each(backends)('the %s store', (backend) => {
  it('finds what was added, also when opened again, and replaces records of a known id', async () => {
    const location = place()
    const whose = { model: 'a:1', dimensions: 3 }
    {
      await using store = await openStore(location, backend, whose)
      expect(await store.search('a:1', [1, 0, 0])).toEqual([])
      await store.add('a:1', [
        { id: 'x', vector: [2, 0, 0], metadata: { scan: 'ü "quoted"\n' } },
        { id: 'y', vector: [0, 5, 0] },
      ])
    }
    {
      await using store = await openStore(location, backend, whose)
      await store.add('a:1', [{ id: 'y', vector: [1, 1, 0], metadata: { n: 2 } }])
    }
    await using store = await openStore(location, backend)
    expect(store).toMatchObject(whose)
    expect(await store.size()).toBe(2)
    expect([...(await store.ids())].sort()).toEqual(['x', 'y'])
    const found = await store.search('a:1', [1, 0, 0], 5)
    expect(found.map(({ id }) => id)).toEqual(['x', 'y'])
    expect(found[0]!.score).toBeCloseTo(1, 6)
    expect(found[1]!.score).toBeCloseTo(Math.SQRT1_2, 6)
    expect(found.map(({ metadata }) => metadata)).toEqual([{ scan: 'ü "quoted"\n' }, { n: 2 }])
    expect(await store.search('a:1', [1, 0, 0], 1)).toHaveLength(1)
  })

  it('refuses vectors of another model, of another length, and without direction', async () => {
    const location = place()
    await using store = await openStore(location, backend, { model: 'a:1', dimensions: 2 })
    await store.add('a:1', [{ id: 'x', vector: [1, 2] }])
    await expect(store.add('b:1', [{ id: 'y', vector: [1, 2] }])).rejects.toThrow(ModelMismatchError)
    await expect(store.search('b:1', [1, 2])).rejects.toThrow('of a:1, not of b:1')
    await expect(store.add('a:1', [{ id: 'y', vector: [1, 2, 3] }])).rejects.toThrow('3 numbers')
    await expect(store.search('a:1', [0, 0])).rejects.toThrow('no direction')
    await store.close()
    await expect(openStore(location, backend, { model: 'b:1', dimensions: 2 })).rejects.toThrow(ModelMismatchError)
    await expect(openStore(place(), backend)).rejects.toThrow('holds no index')
  })

  it('ranks as arithmetic says', async () => {
    const vector = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
    const vectors = fc.array(
      vector.filter((values) => Math.hypot(...values) > 0.1),
      { minLength: 1, maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(vectors, async (list) => {
        await using store = await openStore(place(), backend, { model: 'm', dimensions: 4 })
        await store.add(
          'm',
          list.map((values, n) => ({ id: `${n}`, vector: values })),
        )
        const query = list[0]!
        const cosine = (values: number[]) =>
          values.reduce((sum, value, n) => sum + value * query[n]!, 0) / Math.hypot(...values) / Math.hypot(...query)
        const wanted = list.map(cosine).sort((a, b) => b - a)
        const found = await store.search('m', query, list.length)
        expect(found).toHaveLength(list.length)
        for (const [n, { id, score }] of found.entries()) {
          expect(score).toBeCloseTo(wanted[n]!, 5)
          expect(score).toBeCloseTo(cosine(list[Number(id)]!), 5)
        }
      }),
      { numRuns: backend === 'exact' ? 50 : 5 },
    )
  })
})

describe('the exact store', () => {
  it('leaves one generation of files, and says what is damaged', async () => {
    const location = place()
    for (const id of ['a', 'b', 'c']) {
      await using store = await openExactStore(location, { model: 'm', dimensions: 2 })
      await store.add('m', [{ id, vector: [1, id.charCodeAt(0)] }])
    }
    const files = (await readdir(location)).sort()
    expect(files).toEqual(['records-3.jsonl', 'store.json', 'vectors-3.safetensors'])
    const records = join(location, 'records-3.jsonl')
    const text = await readFile(records, 'utf8')
    await writeFile(records, text.split('\n').slice(1).join('\n'))
    await expect(openExactStore(location)).rejects.toThrow('2 records')
    await writeFile(records, text.replace('{', '['))
    await expect(openExactStore(location)).rejects.toThrow('line 1 is not JSON')
    await writeFile(join(location, 'store.json'), '{"format": "other"}')
    await expect(openExactStore(location)).rejects.toThrow('no index of this kind')
    expect(existsSync(records)).toBe(true)
  })
})

describe.skipIf(hasLance)('LanceDB', () => {
  it('says how to install it', async () => {
    await expect(openStore(place(), 'lancedb')).rejects.toThrow('npm install @lancedb/lancedb')
  })
})
