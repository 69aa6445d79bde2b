import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { onTestFinished } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import type { Triple } from '../../src/data/geometry.js'
import { type Volume, volumeFromArray, voxelAt } from '../../src/data/volume.js'

/** The affine of axis-aligned voxels of this size, first voxel at the origin. */
export function scalingAffine([x, y, z]: Triple): number[] {
  return [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1]
}

/** An int16 volume whose voxels are all different: 0, 1, 2, ... in C order. */
export function countingVolume(shape: Triple, affine: readonly number[] = scalingAffine([1, 1, 1])): Volume {
  return volumeFromArray(
    Int16Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, n) => n),
    shape,
    affine,
  )
}

/** All voxels in C order. */
export function voxelList(volume: Volume): number[] {
  const values: number[] = []
  for (let i = 0; i < volume.shape[0]; i++) {
    for (let j = 0; j < volume.shape[1]; j++) {
      for (let k = 0; k < volume.shape[2]; k++) values.push(voxelAt(volume, i, j, k))
    }
  }
  return values
}

/** Whether two arrays hold the same bytes; expect's own comparison takes seconds on a volume. */
export function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  return bytes(a).equals(bytes(b))
}

/** A folder that disappears with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'voxgrad-data-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Runs something that may only succeed or throw a DataError. True when it succeeded. */
export async function succeedsOrRefuses(run: () => unknown): Promise<boolean> {
  try {
    await run()
    return true
  } catch (error) {
    if (error instanceof DataError) return false
    throw error
  }
}

/** Damaged copies of a file: cut short, with a few bytes changed, or both. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
  // The first bytes hold the header, where changes bite.
  const headerChange = fc.tuple(fc.nat(Math.min(bytes.length, 400) - 1), fc.nat(255))
  return fc
    .tuple(fc.array(fc.oneof(change, headerChange), { maxLength: 4 }), fc.option(fc.nat(bytes.length), { freq: 3 }))
    .map(([changes, length]) => {
      const copy = new Uint8Array(bytes)
      for (const [position, value] of changes) copy[position] = value
      return copy.slice(0, length ?? undefined)
    })
}

const spacing = fc.double({ min: 0.3, max: 6, noNaN: true })

/** Affines with any spacing, rotation, mirroring and position. */
export const affines: fc.Arbitrary<number[]> = fc
  .tuple(
    fc.tuple(spacing, spacing, spacing),
    fc.tuple(...[0, 1, 2].map(() => fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }))),
    fc.boolean(),
    fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: -300, max: 300 }))),
  )
  .map(([[x, y, z], angles, mirrored, origin]) => {
    const [a, b, c] = angles as Triple
    const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)]
    const flip = mirrored ? -1 : 1
    return [
      ...[cb * cc * x, (sa * sb * cc - ca * sc) * y, flip * (ca * sb * cc + sa * sc) * z, origin[0]!],
      ...[cb * sc * x, (sa * sb * sc + ca * cc) * y, flip * (ca * sb * sc - sa * cc) * z, origin[1]!],
      ...[-sb * x, sa * cb * y, flip * ca * cb * z, origin[2]!],
      ...[0, 0, 0, 1],
    ]
  })

/** The 48 orientations. */
export const orientations: readonly string[] = (() => {
  const pairs = ['RL', 'AP', 'SI']
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]
  return orders.flatMap((order) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => order.map((pair, n) => pairs[pair]![(bits >> n) & 1]).join('')),
  )
})()
