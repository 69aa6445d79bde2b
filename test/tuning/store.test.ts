/** Measurements from one call to the next, and how they become a device's preferences. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { defineKernel, type TuningResult } from '../../src/engine/index.js'
import { openDevice } from '../../src/index.js'
import { deviceKindOf, shippedFor, shippedPreferences } from '../../src/kernels/index.js'
import {
  currentBuckets,
  planDevice,
  TunedPreferences,
  TuningStore,
  tuneDevice,
  tuningExport,
  tuningExportSchema,
  tuningTable,
} from '../../src/tuning/index.js'
import { testDevice } from '../support/device.js'
import { doublingKernel, doublingWorkload, type FakeVariant, fakeClock } from '../support/tuning.js'

const device = await testDevice()
const folder = mkdtempSync(join(tmpdir(), 'voxgrad-store-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = () => join(folder, `${files++}.json`)
const warn = (message: string) => {
  throw new Error(`unexpected warning: ${message}`)
}
const newStore = (path = newPath()) => new TuningStore(device.capabilities, { path, warn })

/** Enters a kernel in the registry, where the store looks up what its sources are now. */
const define = (name: string, variants: readonly FakeVariant[]) =>
  defineKernel(doublingKernel(`test ${name}`, variants))

const result = (kernel: string, bucket: string, ...preferred: string[]): TuningResult => ({
  kernel,
  bucket,
  workload: '',
  cost: { flops: 0, bytes: 0 },
  untuned: 'first',
  preferred,
  candidates: preferred.map((variant, i) => ({ variant, status: 'measured', medianMs: i + 1, samples: 3 })),
})

const variants = [{ name: 'first' }, { name: 'fast' }, { name: 'portable' }]
const { name: kept } = define('kept', variants)

describe('the store', () => {
  it('adds to what it has', async () => {
    const store = newStore()
    await store.save([result(kept, 'a', 'fast', 'first')], new Date(0))
    await store.save([result(kept, 'b', 'first'), result(kept, 'c')])
    const buckets = currentBuckets(store.read(), kept)
    expect(Object.keys(buckets)).toEqual(['a', 'b'])
    expect(buckets.a).toEqual({
      preferred: ['fast', 'first'],
      medianMs: { fast: 1, first: 2 },
      date: '1970-01-01T00:00:00.000Z',
    })
  })

  it('forgets kernels whose sources have changed', async () => {
    const store = newStore()
    const { name } = define('changing', variants)
    await store.save([result(name, 'a', 'fast'), result(kept, 'a', 'fast')])
    define('changing', [{ name: 'first', expression: 'x[i] + x[i]' }, ...variants.slice(1)])
    expect(currentBuckets(store.read(), name)).toEqual({})
    expect(currentBuckets(store.read(), kept)).not.toEqual({})
    await store.save([result(name, 'b', 'first')])
    expect(Object.keys(currentBuckets(store.read(), name))).toEqual(['b'])
    define('changing', variants)
    expect(currentBuckets(store.read(), name)).toEqual({})
  })

  it('knows nothing of other devices, drivers and versions of webgpu', async () => {
    const path = newPath()
    await newStore(path).save([result(kept, 'a', 'fast')])
    const { adapter } = device.capabilities
    for (const change of [{ vendor: 'acme' }, { architecture: 'x' }, { device: 'x' }, { description: 'driver 2' }]) {
      expect(new TuningStore({ adapter: { ...adapter, ...change } }, { path, warn }).read()).toEqual({})
    }
    expect(newStore(path).read()).toHaveProperty(kept)
    writeFileSync(path, readFileSync(path, 'utf8').replace('| webgpu ', '| webgpu 0.0.1-'))
    expect(newStore(path).read()).toEqual({})
  })

  it('forgets what it is told to', async () => {
    const store = newStore()
    const { name: other } = define('other', variants)
    await store.save([result(kept, 'a', 'fast'), result(other, 'a', 'fast')])
    await store.forget((kernel) => kernel === kept)
    expect(Object.keys(store.read())).toEqual([other])
    await store.forget(() => true)
    expect(store.read()).toEqual({})
    expect(readFileSync(store.path, 'utf8')).not.toContain('llvmpipe')
  })
})

describe('preferences', () => {
  it('are read when they are first asked for, once', async () => {
    const path = newPath()
    const preferences = new TunedPreferences(device.capabilities, { path, warn })
    await newStore(path).save([result(kept, 'a', 'fast', 'first')])
    expect(preferences.preferred(kept, 'a')).toEqual(['fast', 'first'])
    expect(preferences.preferred(kept, 'b')).toEqual([])
    expect(preferences.preferred('unknown', 'a')).toEqual([])
    rmSync(path)
    expect(preferences.preferred(kept, 'a')).toEqual(['fast', 'first'])
    expect(preferences.status).toMatchObject({ cachePath: path, measured: 1, shippedFor: 'software' })
    expect(preferences.describe()).toContain('1 measured on this device')
  })

  it('come with a device of the front door, unless it is told otherwise', async () => {
    const path = newPath()
    await newStore(path).save([result(kept, 'a', 'fast')])
    using tuned = await openDevice({ tunerCache: path })
    expect(tuned.preferences?.preferred(kept, 'a')).toEqual(['fast'])
    using untuned = await openDevice({ tuned: false })
    expect(untuned.preferences).toBeUndefined()
  })

  it('fall back on what ships for devices of the kind', () => {
    const adapter = { vendor: 'NVIDIA', architecture: 'hopper', device: '', description: '' }
    const kinds = (vendor: string, software: boolean) => deviceKindOf({ software, adapter: { ...adapter, vendor } })
    expect(['nvidia', 'apple', 'intel', 'amd', 'arm'].map((vendor) => kinds(vendor, false))).toEqual([
      'nvidia',
      'apple',
      'intel',
      'amd',
      undefined,
    ])
    expect(kinds('mesa', true)).toBe('software')
    expect(shippedFor({ software: false, adapter })?.name).toBe('nvidia')
    expect(shippedFor({ software: false, adapter: { ...adapter, vendor: 'arm' } })).toBeUndefined()
    expect(shippedPreferences({ software: false, adapter: { ...adapter, vendor: 'arm' } })).toBeUndefined()
  })
})

describe('tuneDevice', () => {
  const times = (kernel: string) => ({ [`${kernel}/first`]: 4, [`${kernel}/fast`]: 1, [`${kernel}/portable`]: 9 })

  it('stores what it finds, and goes on from there', async () => {
    const { name, ...rest } = define('resumed', variants)
    const kernel = { name, ...rest }
    const store = newStore()
    const clock = fakeClock(device, times(name))
    const first = await tuneDevice(device, [doublingWorkload(kernel, 8)], { store, clock })
    expect(first.stored).toBe(true)
    expect(first.results.map(({ bucket }) => bucket)).toEqual(['8 elements'])
    const second = await tuneDevice(device, [doublingWorkload(kernel, 8, 9)], { store, clock })
    expect(second.results.map(({ bucket }) => bucket)).toEqual(['9 elements'])
    expect(second.plan.known.map(({ bucket }) => bucket)).toEqual(['8 elements'])
    const forced = await tuneDevice(device, [doublingWorkload(kernel, 8)], { store, clock, force: true })
    expect(forced.results).toHaveLength(1)
    const launched = clock.log.length
    const plan = await planDevice(device, [doublingWorkload(kernel, 9, 10)], { store })
    expect([plan.problems, plan.known].map((list) => list.map(({ bucket }) => bucket))).toEqual([
      ['10 elements'],
      ['9 elements'],
    ])
    expect(clock.log).toHaveLength(launched)
    const table = tuningTable(store, () => true, [])
    expect(table).toEqual({ [name]: { '8 elements': ['fast', 'first'], '9 elements': ['fast', 'first'] } })
    expect(tuningTable(store, (kernel) => kernel !== name, [])).toEqual({})
    const written = tuningExport(device.capabilities, table)
    expect(tuningExportSchema.parse(JSON.parse(JSON.stringify(written)))).toEqual(written)
    expect(written).toMatchObject({ kind: 'software', adapter: device.capabilities.adapter })
  })

  it('keeps what was found before it was interrupted', async () => {
    const kernel = define('interrupted', variants)
    const store = newStore()
    const controller = new AbortController()
    const clock = fakeClock(device, times(kernel.name))
    const listener = { result: () => controller.abort() }
    const options = { store, clock, signal: controller.signal, listener }
    await expect(tuneDevice(device, [doublingWorkload(kernel, 8, 9)], options)).rejects.toThrow(/abort/i)
    expect(Object.keys(currentBuckets(store.read(), kernel.name))).toEqual(['8 elements'])
  })

  it('measures also where nothing can be stored, and warns once', async () => {
    const kernel = define('unstored', variants)
    const file = newPath()
    writeFileSync(file, '')
    const warnings: string[] = []
    const store = new TuningStore(device.capabilities, { path: join(file, 'x.json'), warn: (w) => warnings.push(w) })
    const clock = fakeClock(device, times(kernel.name))
    const { results, stored } = await tuneDevice(device, [doublingWorkload(kernel, 8, 9)], { store, clock })
    expect(results.map(({ winner }) => winner)).toEqual(['fast', 'fast'])
    expect(stored).toBe(false)
    expect(warnings.filter((warning) => warning.startsWith('cannot store'))).toHaveLength(1)
    expect(existsSync(`${file}.lock`)).toBe(false)
  })
})
