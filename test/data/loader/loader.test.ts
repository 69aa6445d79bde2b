import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { getActiveResourcesInfo } from 'node:process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openTable } from '../../../src/data/datasets/index.js'
import { DataError } from '../../../src/data/errors.js'
import {
  Loader,
  type LoaderBatch,
  LoaderError,
  type LoaderOptions,
  studyLoader,
} from '../../../src/data/loader/index.js'
import { prepareTransfer } from '../../../src/data/loader/transfer.js'
import { writeNifti } from '../../../src/data/nifti-write.js'
import { writeTree } from '../datasets/layouts.js'
import { countingVolume, temporaryFolder } from '../helpers.js'
import type { load, TestItem } from './task.js'

type Value = Exclude<Awaited<ReturnType<typeof load>>, { run: unknown }>

const task = { module: new URL('./task.ts', import.meta.url), data: { factor: 10 } }
const numbers = (count: number): TestItem[] => Array.from({ length: count }, (_, value) => ({ value }))

const make = (options: Partial<LoaderOptions<TestItem>> & Pick<LoaderOptions<TestItem>, 'items'>) =>
  new Loader<TestItem, Value>({ task, batchSize: 2, workers: 2, ...options })

async function collect(batches: AsyncIterable<LoaderBatch<Value>>): Promise<LoaderBatch<Value>[]> {
  const list: LoaderBatch<Value>[] = []
  for await (const batch of batches) list.push(batch)
  return list
}

const values = (batches: readonly LoaderBatch<Value>[]) =>
  batches.map(({ items }) => items.map(({ value }) => value.scaled))

/** Everything that must not depend on the number of workers. */
const content = (batches: readonly LoaderBatch<Value>[]) =>
  batches.map(({ number, items }) => [
    number,
    items.map(({ name, index, value: { threadId: _, ...value } }) => ({ name, index, value })),
  ])

const workersAlive = () => getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

describe('batches', () => {
  test('in the order of the list, whatever takes how long', async () => {
    const items = numbers(7).map((item) => ({ ...item, delayMs: item.value % 2 === 0 ? 20 : 0 }))
    const batches = await collect(make({ items }))
    expect(values(batches)).toEqual([[0, 10], [20, 30], [40, 50], [60]])
    expect(new Set(batches.flatMap(({ items: own }) => own.map(({ value }) => value.threadId))).size).toBe(2)
    expect(await collect(make({ items, dropLast: true }))).toHaveLength(3)
    expect(await collect(make({ items: [] }))).toEqual([])
  })

  test('the same for any number of workers, also in this thread', async () => {
    const options = { items: numbers(9), shuffle: true, seed: 5 }
    const alone = content(await collect(make({ ...options, workers: 0 })))
    expect(content(await collect(make({ ...options, workers: 1 })))).toEqual(alone)
    expect(content(await collect(make({ ...options, workers: 3, prefetch: 0 })))).toEqual(alone)
  })

  test('arrays arrive whole, and parts of a shared buffer as they were', async () => {
    const [batch] = await collect(make({ items: numbers(6), batchSize: 6, workers: 1 }))
    for (const { value, index } of batch!.items) {
      expect([...value.part]).toEqual([index, index, index, index])
      expect(value.part.buffer.byteLength).toBe(16)
      expect([...value.whole]).toEqual([index, index])
    }
  })

  test('epochs differ, repeat exactly, and share workers when asked to', async () => {
    await using loader = make({ items: numbers(8), shuffle: true, seed: 3, keepWorkers: true })
    const first = await collect(loader.epoch(1))
    expect(content(await collect(loader.epoch(1)))).toEqual(content(first))
    expect(values(await collect(loader.epoch(2)))).not.toEqual(values(first))
    const threads = (batches: typeof first) =>
      new Set(batches.flatMap(({ items }) => items.map(({ value }) => value.threadId)))
    expect(threads(await collect(loader.epoch(3)))).toEqual(threads(first))
  })

  test('a pass goes on at any batch as if it had come that far', async () => {
    const loader = make({ items: numbers(9), shuffle: true, seed: 3, workers: 0 })
    const whole = content(await collect(loader.epoch(2)))
    expect(content(await collect(loader.epoch(2, 3)))).toEqual(whole.slice(3))
    expect(await collect(loader.epoch(2, 5))).toEqual([])
  })

  test('shards share every batch out', async () => {
    const options = { items: numbers(13), shuffle: true, seed: 3, workers: 0, dropLast: true }
    const whole = values(await collect(make({ ...options, batchSize: 4 })))
    const shards = await Promise.all(
      [0, 1].map(async (rank) => values(await collect(make({ ...options, batchSize: 2, shard: { rank, size: 2 } })))),
    )
    expect(whole.map((_, n) => shards.flatMap((batches) => batches[n]))).toEqual(whole)
    expect(() => make({ items: [], shard: { rank: 2, size: 2 }, dropLast: true })).toThrow('shard 2 of 2')
    expect(() => make({ items: [], shard: { rank: 1, size: 2 } })).toThrow('dropLast')
  })

  test('orders are permutations', () => {
    fc.assert(
      fc.property(fc.nat({ max: 40 }), fc.nat(), fc.nat({ max: 100 }), (count, seed, epoch) => {
        const order = make({ items: numbers(count), shuffle: true, seed }).order(epoch)
        expect([...order].sort((a, b) => a - b)).toEqual(numbers(count).map(({ value }) => value))
      }),
    )
    // Frozen: a stored experiment must see the same order again.
    expect(make({ items: numbers(8), shuffle: true, seed: 42 }).order(1)).toMatchInlineSnapshot(`
      [
        5,
        4,
        2,
        6,
        3,
        1,
        7,
        0,
      ]
    `)
  })

  test.each([0, 1, 3])('memory is bounded: with prefetch %i no more is begun than it allows', async (prefetch) => {
    const begun = new Int32Array(new SharedArrayBuffer(4))
    const loader = make({ items: numbers(40), prefetch, task: { ...task, data: { factor: 1, begun } } })
    const seen: number[] = []
    for await (const { number, items } of loader) {
      seen.push(...items.map(({ index }) => index))
      expect(Atomics.load(begun, 0)).toBeLessThanOrEqual((number + 1 + prefetch) * 2)
      if (number === 3) break
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe('failures', () => {
  const faulty = (fault: NonNullable<TestItem['fault']>) =>
    numbers(6).map((item) => (item.value === 3 ? { ...item, fault } : item))

  test.each([
    ['throw', 'RangeError', /^scan 3: no 3$/],
    ['text', 'Error', /^scan 3: text 3$/],
    ['exit', 'WorkerError', /^scan 3: the worker ended with code 7$/],
    ['unclonable', 'DataCloneError', /^scan 3: .*could not be cloned/],
  ] as const)('%s: an error that names the item, or a hole in the batch', async (fault, name, message) => {
    const nameOf = ({ value }: TestItem) => `scan ${value}`
    const options = { items: faulty(fault), nameOf }
    const error = await collect(make(options)).catch((caught) => caught)
    expect(error).toBeInstanceOf(LoaderError)
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ message: expect.stringMatching(message), item: 'scan 3', index: 3, cause: { name } })
    if (fault !== 'exit') {
      const alone = await collect(make({ ...options, workers: 0 })).catch((caught) => caught)
      expect(alone).toMatchObject({ message: expect.stringMatching(message), cause: { name } })
    }
    const skipped = await collect(make({ ...options, onError: 'skip' }))
    expect(values(skipped)).toEqual([[0, 10], [20], [40, 50]])
    expect(skipped.map(({ failures }) => failures.map(({ item }) => item))).toEqual([[], ['scan 3'], []])
  })

  test.each([0, 1])('a module without a task, with %i workers', async (workers) => {
    const module = new URL('./loader.test.ts', import.meta.url).href.replace('loader.test.ts', 'none.ts')
    await expect(collect(make({ items: numbers(1), task: { module }, workers }))).rejects.toThrow(/item 0: .*none\.ts/)
  })

  test('items that cannot be sent', async () => {
    const items = [{ value: 1, delayMs: (() => 1) as unknown as number }]
    await expect(collect(make({ items }))).rejects.toThrow(/item 0: the item cannot be sent to a worker/)
  })

  test.each([
    [{ batchSize: 0 }, /batchSize 0/],
    [{ workers: -1 }, /workers -1/],
    [{ prefetch: 1.5 }, /prefetch 1\.5/],
    [{ seed: -1 }, /seed -1/],
  ])('%j is refused', (options, message) => {
    expect(() => make({ items: [], ...options })).toThrow(message)
  })
})

describe('ending', () => {
  test('leaving the loop, an error and an abort end all workers', async () => {
    const before = workersAlive()
    for await (const _ of make({ items: numbers(20) })) break
    await collect(make({ items: [{ value: 1, fault: 'throw' }] })).catch(() => undefined)
    const controller = new AbortController()
    const aborted = collect(make({ items: [{ value: 1, delayMs: 60_000 }], signal: controller.signal }))
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(collect(make({ items: numbers(2), signal: controller.signal }))).rejects.toThrow('enough')
    expect(workersAlive()).toBe(before)
  })

  test('one pass at a time', async () => {
    const loader = make({ items: numbers(4), workers: 0 })
    const batches = loader[Symbol.asyncIterator]()
    await batches.next()
    await expect(collect(loader)).rejects.toThrow(/already being iterated/)
    await batches.return()
    expect(await collect(loader)).toHaveLength(2)
  })

  test('workers that are kept do not keep the process alive, run from source by tsx', async () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url))
    const script = `
      import { Loader } from ${JSON.stringify(new URL('../../../src/data/loader/index.ts', import.meta.url).href)}
      const task = { module: ${JSON.stringify(task.module.href)}, data: { factor: 2 } }
      const items = [{ value: 1 }, { value: 2 }]
      for await (const batch of new Loader({ items, task, batchSize: 2, workers: 2, keepWorkers: true }))
        console.log(batch.items.map(({ value }) => value.scaled).join())`
    const stdout = await new Promise((resolve, reject) => {
      const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
      execFile(process.execPath, args, { cwd: root, timeout: 30_000 }, (error, out) =>
        error ? reject(error) : resolve(out),
      )
    })
    expect(stdout).toBe('2,4\n')
  })
})

test('only buffers that are whole are moved', () => {
  const buffer = new Float32Array([1, 2, 3, 4])
  const pooled = Buffer.from('abc')
  const view = new DataView(new ArrayBuffer(8), 2, 4)
  const { value, buffers } = prepareTransfer({
    whole: buffer,
    part: buffer.subarray(1, 3),
    list: [pooled, 'x', null],
    view,
  })
  const result = value as { whole: Float32Array; part: Float32Array; list: [Uint8Array]; view: DataView }
  expect(result.whole).toBe(buffer)
  expect([...result.part]).toEqual([2, 3])
  expect(result.part.buffer.byteLength).toBe(8)
  expect([...result.list[0]]).toEqual([97, 98, 99])
  expect(result.view.byteLength).toBe(4)
  expect(new Set(buffers)).toEqual(
    new Set([buffer.buffer, result.part.buffer, result.list[0].buffer, result.view.buffer]),
  )
})

test('studies: preprocessed images with their masks, reports and labels', async () => {
  const folder = await temporaryFolder()
  const [image, mask] = [countingVolume([4, 4, 4]), countingVolume([4, 4, 4])]
  mask.data = (mask.data as Int16Array).map((value) => value & 1)
  await writeNifti(join(folder, 'a.nii.gz'), image)
  await writeNifti(join(folder, 'm.nii.gz'), mask)
  await writeTree(folder, {
    'b.nii': 'no scan',
    't.csv': ['image,mask,patient,report,label:nodule', 'a.nii.gz,m.nii.gz,p,Clear.,1', 'b.nii,,,,'],
  })
  const { studies } = await openTable(join(folder, 't.csv'))
  const loader = studyLoader(studies, {
    steps: [
      { kind: 'resample', spacingMm: [2, 2, 2] },
      { kind: 'scale', from: [0, 63], to: [0, 1] },
      { kind: 'cropOrPad', size: [2, 2, 3], value: -1 },
    ],
    ...{ batchSize: 2, workers: 1, onError: 'skip' },
  })
  for await (const { items, failures } of loader) {
    expect(items).toHaveLength(1)
    const { value } = items[0]!
    expect(value).toMatchObject({ study: 'a.nii.gz', patient: 'p', shape: [2, 2, 3], labels: { nodule: 1 } })
    expect(value.report!.text).toBe('Clear.')
    expect(value.image).toHaveLength(12)
    expect(value.image.filter((voxel) => voxel === -1)).toHaveLength(4)
    expect(new Set(value.mask)).toEqual(new Set([0, 1]))
    expect(failures.map(({ item }) => item)).toEqual(['b.nii'])
  }
})
