import { crc32, deflateSync, gzipSync } from 'node:zlib'
import { RandomStream } from '../../src/data/random.js'
import { ctSlice, EXPLICIT_BIG, IMPLICIT_LITTLE, zipBytes } from './dicom-bytes.js'
import { arrayBytes, niftiBytes } from './nifti-bytes.js'
import { counting, metaImageBytes, nrrdBytes } from './text-images.js'

const voxels = arrayBytes(Int16Array.from({ length: 24 }, (_, n) => 300 * n))
const nifti = niftiBytes({ data: voxels, qformCode: 1, slope: 1 })

/** Sound files of every format, small, so that damage hits structure more often than voxels. */
export const soundFiles: readonly { name: string; bytes: Uint8Array }[] = [
  { name: 'a.nii', bytes: nifti },
  { name: 'b.nii', bytes: niftiBytes({ version: 2, data: voxels }) },
  { name: 'c.nii', bytes: niftiBytes({ littleEndian: false, data: voxels }) },
  { name: 'd.nii.gz', bytes: gzipSync(nifti) },
  { name: 'e.nii.gz', bytes: Buffer.concat([gzipSync(nifti.subarray(0, 360)), gzipSync(nifti.subarray(360))]) },
  { name: 'f.nii', bytes: niftiBytes({ dims: [4, 2, 3, 2, 2], data: voxels, voxelOffset: 400 }) },
  { name: 'g.nrrd', bytes: nrrdBytes() },
  { name: 'h.nrrd', bytes: nrrdBytes({ encoding: 'gzip', 'byte skip': '0', kinds: 'domain domain domain' }) },
  { name: 'i.mha', bytes: metaImageBytes() },
  { name: 'j.mha', bytes: metaImageBytes({ CompressedData: 'True' }, deflateSync(counting())) },
  { name: 'k.dcm', bytes: ctSlice(1) },
  { name: 'l.dcm', bytes: ctSlice(1, {}, IMPLICIT_LITTLE) },
  { name: 'm.dcm', bytes: ctSlice(1, {}, EXPLICIT_BIG) },
  { name: 'n.zip', bytes: zipBytes({ a: ctSlice(0), b: ctSlice(1), c: ctSlice(2) }, crc32) },
  {
    name: 'o.dcm',
    bytes: ctSlice(0, {
      '00280008': ['IS', '2'],
      '7fe00010': ['OW', new Uint8Array(48)],
      '52009230': [
        'SQ',
        [0, 4].map((z) => ({ '00209113': ['SQ', [{ '00200032': ['DS', `0\\0\\${z}`] }]] as ['SQ', never[]] })),
      ],
    }),
  },
]

/** Numbers that headers lie with. */
const lies = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const words = ['0', '-1', '99999', '1e300', '4294967296', 'nan', '', '2147483647 2147483647', '()', 'none', '\0']

type Damage = (bytes: Uint8Array, random: RandomStream) => Uint8Array

const below = (random: RandomStream, limit: number) => Math.floor(random.uniform() * limit)
const pick = <T>(random: RandomStream, items: readonly T[]) => items[below(random, items.length)]!

/** The first bytes hold the headers, where damage bites. */
const place = (random: RandomStream, bytes: Uint8Array) =>
  below(random, random.uniform() < 0.7 ? Math.min(bytes.length, 600) : bytes.length)

const damages: readonly Damage[] = [
  (bytes, random) => bytes.slice(0, below(random, bytes.length)),
  (bytes, random) => {
    const copy = new Uint8Array(bytes)
    for (let n = 0; n <= below(random, 4); n++) copy[place(random, copy)] = below(random, 256)
    return copy
  },
  (bytes, random) => {
    const copy = new Uint8Array(bytes)
    const view = new DataView(copy.buffer)
    const width = pick(random, [2, 4])
    const at = Math.min(place(random, copy), copy.length - width)
    const lie = pick(random, lies)
    if (width === 2) view.setUint16(at, lie, random.uniform() < 0.8)
    else view.setUint32(at, lie, random.uniform() < 0.8)
    return copy
  },
  (bytes, random) => {
    // A number in a text header, wherever one starts.
    const text = Buffer.from(bytes).toString('latin1')
    const numbers = [...text.slice(0, 700).matchAll(/-?\d+(\.\d+)?/g)]
    if (numbers.length === 0) return bytes.slice(0, 100)
    const number = pick(random, numbers)
    const changed = text.slice(0, number.index) + pick(random, words) + text.slice(number.index + number[0].length)
    return new Uint8Array(Buffer.from(changed, 'latin1'))
  },
  (bytes, random) => {
    const [from, to] = [place(random, bytes), place(random, bytes)]
    const piece = bytes.subarray(from, from + below(random, 64))
    return new Uint8Array(Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to)]))
  },
  (bytes, random) => {
    const at = place(random, bytes)
    return new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 32))]))
  },
]

/** Case `seed` of an endless list: a sound file with one to three kinds of damage. The same seed is the same file. */
export function damagedFile(seed: number): { name: string; bytes: Uint8Array } {
  const random = new RandomStream(seed, 0)
  const { name, bytes } = soundFiles[seed % soundFiles.length]!
  let damaged: Uint8Array = new Uint8Array(bytes)
  for (let n = 0; n <= below(random, 3) && damaged.length > 8; n++) damaged = pick(random, damages)(damaged, random)
  return { name, bytes: damaged }
}
