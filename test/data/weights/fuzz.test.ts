/**
 * Damaged and hostile files of weights: each is read or refused with a DataError, and none takes the memory of the process.
 * A few hundred cases of each kind here; 10,000 in all with VOXGRAD_SLOW_TESTS=1.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openBytes } from '../../../src/data/byte-source.js'
import { NotSupportedDataError } from '../../../src/data/errors.js'
import { readNpy } from '../../../src/data/numpy/npy.js'
import { openNpz } from '../../../src/data/numpy/npz.js'
import { openSafetensors } from '../../../src/data/safetensors-file.js'
import { openTorchCheckpoint } from '../../../src/data/torch/checkpoint.js'
import type { WeightFile } from '../../../src/data/weights/source.js'
import { ZipArchive } from '../../../src/data/zip/archive.js'
import { succeedsOrRefuses } from '../helpers.js'
import { fixture, joined } from './fixtures.js'
import { zipBytes } from './zip-bytes.js'

const slow = process.env.VOXGRAD_SLOW_TESTS === '1'
const SEED = 20260731
const MOST_GROWTH_BYTES = 500e6

type Read = (bytes: Uint8Array) => Promise<void>

/** Reads everything in a file. What is merely not supported does not end it. */
async function readAll(file: WeightFile): Promise<void> {
  await using opened = file
  for (const name of opened.names) {
    try {
      const tensor = await opened.read(name)
      expect(tensor.data.length).toBe(tensor.shape.reduce((product, size) => product * size, 1))
    } catch (error) {
      if (!(error instanceof NotSupportedDataError)) throw error
    }
  }
}

const readers = {
  safetensors: async (bytes: Uint8Array) => await readAll(await openSafetensors({ name: 'a.safetensors', bytes })),
  torch: async (bytes: Uint8Array) =>
    await readAll(await openTorchCheckpoint({ name: 'a.pth', bytes }, { unknownClasses: 'record' })),
  npz: async (bytes: Uint8Array) => await readAll(await openNpz({ name: 'a.npz', bytes })),
  npy: async (bytes: Uint8Array) => void (await readNpy({ name: 'a.npy', bytes }).catch(passNotSupported)),
} satisfies Record<string, Read>

function passNotSupported(error: unknown): void {
  if (!(error instanceof NotSupportedDataError)) throw error
}

/** Sizes and counts that lie. */
const lies = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]

type Change = (bytes: Buffer) => Buffer

/** One damage: a bit, a byte, a number, or a piece that is cut, doubled or moved. */
function changes(length: number): fc.Arbitrary<Change> {
  const at = fc.nat(Math.max(0, length - 1))
  const edit =
    (run: (bytes: Buffer) => void): Change =>
    (bytes) => {
      run(bytes)
      return bytes
    }
  const set = (position: number, value: (old: number) => number) =>
    edit((bytes) => {
      if (position < bytes.length) bytes[position] = value(bytes[position]!)
    })
  const bit = fc.tuple(at, fc.nat(7)).map(([position, n]) => set(position, (old) => old ^ (1 << n)))
  const byte = fc.tuple(at, fc.nat(255)).map(([position, value]) => set(position, () => value))
  const lie = fc.tuple(at, fc.constantFrom(1, 2, 4, 8), fc.constantFrom(...lies)).map(([p, width, value]) =>
    edit((bytes) => {
      for (let n = 0; n < width && p + n < bytes.length; n++) bytes[p + n] = Number((value >> BigInt(8 * n)) & 0xffn)
    }),
  )
  const truncation = at.map(
    (p): Change =>
      (bytes) =>
        bytes.subarray(0, p),
  )
  const cut = fc.tuple(at, fc.nat(64)).map(
    ([p, size]): Change =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, p), bytes.subarray(p + size)]),
  )
  const copy = fc.tuple(at, at, fc.nat(200)).map(
    ([from, to, size]): Change =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, from + size), bytes.subarray(to)]),
  )
  return fc.oneof(
    { weight: 3, arbitrary: bit },
    { weight: 3, arbitrary: byte },
    { weight: 4, arbitrary: lie },
    truncation,
    cut,
    copy,
  )
}

function damagedCopies(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .array(changes(bytes.length), { minLength: 1, maxLength: 4 })
    .map((list) => new Uint8Array(list.reduce<Buffer>((copy, change) => change(copy), Buffer.from(bytes))))
}

/** Runs many cases, and holds the growth of memory of each against the limit. */
async function survives(
  cases: fc.Arbitrary<Uint8Array>,
  read: Read,
  runs: { fast: number; slow: number },
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(cases, async (bytes) => {
      const before = process.memoryUsage().rss
      await succeedsOrRefuses(() => read(bytes))
      expect(process.memoryUsage().rss - before).toBeLessThan(MOST_GROWTH_BYTES)
    }),
    { numRuns: slow ? runs.slow : runs.fast, seed: SEED },
  )
}

const TIMEOUT_MS = slow ? 600_000 : 60_000

describe('damaged files', () => {
  test.each<[string, string, keyof typeof readers]>([
    ['safetensors', 'all', 'safetensors'],
    ['torch', 'zip', 'torch'],
    ['torch', 'deflated', 'torch'],
    ['torch', 'legacy', 'torch'],
    ['torch', 'legacy-protocol-4', 'torch'],
    ['numpy', '<f4', 'npy'],
    ['numpy', 'version 3', 'npy'],
    ['numpy', 'npz', 'npz'],
    ['numpy', 'npz deflated', 'npz'],
  ])(
    '%s %s',
    async (group, name, reader) => {
      await survives(damagedCopies(fixture(group, name)), readers[reader], { fast: 200, slow: 700 })
    },
    TIMEOUT_MS,
  )
})

/** The parts of an archive, to be put together again with checksums that fit. */
async function partsOf(bytes: Uint8Array) {
  const archive = await ZipArchive.open(await openBytes({ name: 'a.zip', bytes }))
  const names = [...archive.entries.keys()]
  return await Promise.all(names.map(async (name) => ({ name, data: await archive.read(name) })))
}

describe('damage behind checksums that fit', () => {
  test.each<[string, string, RegExp, keyof typeof readers]>([
    ['torch', 'zip', /data\.pkl$/, 'torch'],
    ['torch', 'values', /data\.pkl$/, 'torch'],
    ['torch', 'odd', /data\.pkl$/, 'torch'],
    ['torch', 'module', /data\.pkl$/, 'torch'],
    ['numpy', 'npz', /^a\.npy$/, 'npz'],
  ])(
    '%s %s',
    async (group, name, inner, reader) => {
      const parts = await partsOf(fixture(group, name))
      const target = parts.find((part) => inner.test(part.name))!
      const cases = damagedCopies(target.data).map((data) =>
        zipBytes(parts.map((part) => (part === target ? { ...part, data } : part))),
      )
      await survives(cases, readers[reader], { fast: 200, slow: 500 })
    },
    TIMEOUT_MS,
  )

  test(
    'random programs of pickle instructions',
    async () => {
      const codes = [...')]}(NlduteasbR0127q\x00h\x00h\x01K\x05\x85\x86\x87\x81\x8f\x90\x91\x94\x93Q'].map((c) =>
        c.charCodeAt(0),
      )
      const names = [
        'ccollections\nOrderedDict\n',
        'ctorch._utils\n_rebuild_tensor_v2\n',
        'cbuiltins\nset\n',
        'X\x01\x00\x00\x00a',
      ]
      const piece = fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...codes).map((code) => [code]) },
        { weight: 1, arbitrary: fc.constantFrom(...names) },
      )
      const cases = fc
        .array(piece, { maxLength: 60 })
        .map((pieces) => zipBytes([{ name: 'a/data.pkl', data: joined([0x80, 2], ...pieces, '.') }]))
      await survives(cases, readers.torch, { fast: 500, slow: 1200 })
    },
    TIMEOUT_MS,
  )
})
