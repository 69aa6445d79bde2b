/**
 * Which variants were measured to be the fastest, by kind of device. Made by `npm run tune:ship` from files of
 * `voxgrad tune --export`; not to be edited by hand. Where nothing was measured the table is empty, and the order of a
 * kernel's variants decides.
 */
import type { PreferenceTable } from '../engine/index.js'

export interface MeasuredTable {
  /** Adapters and packages that it was measured with; undefined where nothing was. */
  readonly measuredOn?: string
  readonly preferences: PreferenceTable
}

export const shippedTables: Readonly<Record<string, MeasuredTable>> = {
  software: {
    measuredOn: 'llvmpipe: Mesa 26.1.6-1~bpo13+1 (LLVM 19.1.7), webgpu 0.6.2, 2026-11-22',
    preferences: {
      copy: {
        '2 bytes, 2^12 by 2^12 transposed': ['strided', 'transpose'],
        '2 bytes, 2^18 by 2^6 transposed': ['strided', 'transpose'],
        '2 bytes, 2^6 by 2^18 transposed': ['strided', 'transpose'],
        '2 bytes, 2^9 by 2^9 transposed': ['strided', 'transpose'],
        '4 bytes, 2^12 by 2^12 transposed': ['strided', 'transpose'],
        '4 bytes, 2^18 by 2^6 transposed': ['strided', 'transpose'],
        '4 bytes, 2^6 by 2^18 transposed': ['transpose'],
        '4 bytes, 2^9 by 2^9 transposed': ['strided', 'transpose'],
      },
      matmul: {
        'f16 transposed x f16|1024x1024x1024x1': ['uniformRow-16x2'],
        'f16 transposed x f16|1024x1024x1x1': ['portable', 'uniformRow-16x2'],
        'f16 transposed x f16|1024x1024x512x1': ['uniformRow-16x2'],
        'f16 transposed x f16|1024x4096x512x1': ['uniformRow-16x1', 'uniformRow-16x2'],
        'f16 transposed x f16|256x256x256x1': ['uniformRow-16x2'],
        'f16 transposed x f16|4096x1024x128x1': ['uniformRow-16x2'],
        'f16 transposed x f16|4096x1024x512x1': ['uniformRow-16x2'],
        'f16 transposed x f16|512x512x512x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|1024x1024x1024x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|128x4096x1024x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|1x1024x1024x1': ['uniformRow-4x2'],
        'f16 x f16 transposed|256x256x256x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|512x1024x1024x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|512x1024x4096x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|512x4096x1024x1': ['uniformRow-16x2'],
        'f16 x f16 transposed|512x512x512x1': ['uniformRow-16x2'],
        'f16 x f16|1024x1024x1024x1': ['uniformRow-16x2'],
        'f16 x f16|128x1024x4096x1': ['uniformRow-16x2'],
        'f16 x f16|1x1024x1024x1': ['uniformRow-4x2'],
        'f16 x f16|256x256x256x1': ['uniformRow-16x1', 'uniformRow-16x2'],
        'f16 x f16|512x1024x1024x1': ['uniformRow-16x2'],
        'f16 x f16|512x1024x4096x1': ['uniformRow-16x2'],
        'f16 x f16|512x4096x1024x1': ['uniformRow-16x2'],
        'f16 x f16|512x512x512x1': ['uniformRow-16x2'],
        'f32 transposed x f32|1024x1024x1024x1': ['uniformRow-32x2'],
        'f32 transposed x f32|1024x1024x1x1': [
          'portable',
          'uniformRow-16x2',
          'uniformRow-16x1',
          'blocked-128x128x8',
          'uniformRow-32x2',
        ],
        'f32 transposed x f32|1024x1024x512x1': ['uniformRow-32x2'],
        'f32 transposed x f32|1024x4096x512x1': ['uniformRow-16x1', 'uniformRow-32x2'],
        'f32 transposed x f32|256x256x256x1': ['uniformRow-32x2'],
        'f32 transposed x f32|4096x1024x128x1': ['uniformRow-32x2'],
        'f32 transposed x f32|4096x1024x512x1': ['uniformRow-32x2'],
        'f32 transposed x f32|512x512x512x1': ['uniformRow-32x2'],
        'f32 x f32 transposed|1024x1024x1024x1': ['uniformRow-32x2'],
        'f32 x f32 transposed|128x4096x1024x1': ['uniformRow-32x2'],
        'f32 x f32 transposed|1x1024x1024x1': ['uniformRow-4x2'],
        'f32 x f32 transposed|256x256x256x1': ['uniformRow-32x2'],
        'f32 x f32 transposed|512x1024x1024x1': ['uniformRow-32x2'],
        'f32 x f32 transposed|512x4096x1024x1': ['uniformRow-32x2'],
        'f32 x f32 transposed|512x512x512x1': ['uniformRow-32x2'],
        'f32 x f32|1024x1024x1024x1': ['uniformRow-32x2'],
        'f32 x f32|128x1024x4096x1': ['uniformRow-32x2'],
        'f32 x f32|1x1024x1024x1': ['uniformRow-4x2'],
        'f32 x f32|256x256x256x1': ['uniformRow-32x2'],
        'f32 x f32|512x1024x1024x1': ['uniformRow-32x2'],
        'f32 x f32|512x4096x1024x1': ['uniformRow-32x2'],
        'f32 x f32|512x512x512x1': ['uniformRow-32x2'],
      },
      reduce: {
        'max f32, 2^1 rows of 2^2': ['column', 'row'],
        'min f32, 2^1 rows of 2^2': ['column', 'row'],
        'sum f16, 2^0 rows of 2^9': ['column', 'row'],
        'sum f32, 2^0 rows of 2^5': ['column', 'row'],
        'sum f32, 2^0 rows of 2^9': ['column', 'row'],
        'sum f32, 2^1 rows of 2^2': ['column', 'row'],
      },
      rowNorm: {
        'f16, 2^0 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^12 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f16, 2^13 rows of 2^11, whole vectors': ['portable', 'subgroup'],
        'f16, 2^13 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f16, 2^15 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^16 rows of 2^5, whole vectors': ['portable', 'subgroup'],
        'f16, 2^9 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^0 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^12 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^13 rows of 2^11, whole vectors': ['portable', 'subgroup'],
        'f32, 2^13 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^15 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^16 rows of 2^5, whole vectors': ['portable', 'subgroup'],
        'f32, 2^9 rows of 2^9, whole vectors': ['portable', 'subgroup'],
      },
      rowNormGradient: {
        'f16, 2^0 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^12 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^13 rows of 2^11, whole vectors': ['portable', 'subgroup'],
        'f16, 2^13 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f16, 2^15 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^16 rows of 2^5, whole vectors': ['portable', 'subgroup'],
        'f16, 2^9 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^0 rows of 2^9, whole vectors': ['subgroup'],
        'f32, 2^12 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^13 rows of 2^11, whole vectors': ['portable', 'subgroup'],
        'f32, 2^13 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^15 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^16 rows of 2^5, whole vectors': ['subgroup'],
        'f32, 2^9 rows of 2^9, whole vectors': ['portable', 'subgroup'],
      },
      softmax: {
        'f16, 2^12 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^19 rows of 2^3': ['portable', 'subgroup'],
        'f32, 2^12 rows of 2^9, whole vectors': ['subgroup'],
        'f32, 2^19 rows of 2^3': ['portable', 'subgroup'],
      },
      softmaxGradient: {
        'f16, 2^12 rows of 2^9, whole vectors': ['subgroup'],
        'f16, 2^19 rows of 2^3': ['portable', 'subgroup'],
        'f32, 2^12 rows of 2^9, whole vectors': ['portable', 'subgroup'],
        'f32, 2^19 rows of 2^3': ['portable', 'subgroup'],
      },
    },
  },
  nvidia: {
    preferences: {},
  },
  apple: {
    preferences: {},
  },
  intel: {
    preferences: {},
  },
  amd: {
    preferences: {},
  },
}
