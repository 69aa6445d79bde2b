import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DType, openDevice, ShapeError, scope, type Tensor, tensor, withVariant } from '../../src/engine/index.js'
import { concat, split, stack } from '../../src/kernels/join/index.js'
import {
  expand,
  flip,
  permute,
  reshape,
  slice,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from '../../src/kernels/layout/index.js'
import { pad } from '../../src/kernels/pad/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const dtypes: DType[] = device.capabilities.f16 ? ['f32', 'f16', 'i32', 'u32'] : ['f32', 'i32', 'u32']

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
const counting = (shape: readonly number[], dtype: DType = 'f32', on = device) =>
  tensor(
    on,
    Array.from({ length: sizeOf(shape) }, (_, i) => i % 2048),
    shape,
    { dtype },
  )

async function valuesOf(make: () => Tensor): Promise<number[]> {
  const result = scope(make)
  const values = Array.from(await result.data())
  result.dispose()
  return values
}

/** Element `i` of a permuted counting tensor. */
function permutedValues(shape: readonly number[], axes: readonly number[]): number[] {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
  const out = axes.map((axis) => shape[axis]!)
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    let offset = 0
    for (const [k, axis] of axes.entries())
      offset += (Math.floor(i / sizeOf(out.slice(k + 1))) % out[k]!) * strides[axis]!
    return offset % 2048
  })
}

const permutation = fc
  .integer({ min: 1, max: 4 })
  .chain((rank) =>
    fc.tuple(
      fc.array(fc.integer({ min: 1, max: 19 }), { minLength: rank, maxLength: rank }),
      fc.shuffledSubarray([0, 1, 2, 3].slice(0, rank), { minLength: rank }),
    ),
  )

describe('permute', () => {
  it('agrees with index arithmetic for any shape, order and type', async () => {
    await fc.assert(
      fc.asyncProperty(permutation, fc.constantFrom(...dtypes), async ([shape, axes], dtype) => {
        expect(await valuesOf(() => permute(counting(shape, dtype), axes))).toEqual(permutedValues(shape, axes))
      }),
      { numRuns: 60 },
    )
  })

  it.each(['transpose', 'strided'])('runs through the %s variant', async (variant) => {
    for (const dtype of dtypes) {
      for (const [shape, axes] of [
        [
          [40, 70],
          [1, 0],
        ],
        [
          [3, 33, 64],
          [0, 2, 1],
        ],
        [
          [20, 4, 3, 18],
          [3, 2, 1, 0],
        ],
      ] as const) {
        const got = await valuesOf(() => withVariant('copy', variant, () => permute(counting(shape, dtype), axes)))
        expect(got).toEqual(permutedValues(shape, axes))
      }
    }
  })

  it('shares memory where no element moves', () => {
    scope(() => {
      const x = counting([1, 4, 1, 3])
      expect(permute(x, [2, 1, 0, 3]).storage).toBe(x.storage)
      expect(transpose(x, 1, 3).storage).not.toBe(x.storage)
    })
  })

  it('names the axes it refuses', () => {
    scope(() => {
      expect(() => permute(counting([2, 3]), [0, 0])).toThrow(ShapeError)
      expect(() => permute(counting([2, 3]), [0])).toThrow('each of the 2 axes')
      expect(() => permute(counting([2, 3]), [0, 2])).toThrow('axis 2')
    })
  })
})

describe('reshape', () => {
  it('shares memory, and each handle lives on its own', async () => {
    const x = counting([2, 6])
    const y = reshape(x, [3, -1])
    expect(y.shape).toEqual([3, 4])
    expect(y.storage).toBe(x.storage)
    x.dispose()
    expect(Array.from(await y.data())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    y.dispose()
  })

  it('refuses other numbers of elements', () => {
    scope(() => {
      expect(() => reshape(counting([2, 6]), [5, -1])).toThrow('reshape: [2, 6]')
      expect(() => reshape(counting([2, 6]), [3, 3])).toThrow(ShapeError)
      expect(() => reshape(counting([2, 6]), [-1, -1])).toThrow(ShapeError)
      expect(() => reshape(counting([0, 6]), [0, -1])).toThrow(ShapeError)
    })
  })

  it('squeezes and unsqueezes', () => {
    scope(() => {
      const x = counting([1, 3, 1, 2])
      expect(squeeze(x).shape).toEqual([3, 2])
      expect(squeeze(x, -2).shape).toEqual([1, 3, 2])
      expect(() => squeeze(x, 1)).toThrow('not 1 long')
      expect(unsqueeze(x, -1).shape).toEqual([1, 3, 1, 2, 1])
      expect(unsqueeze(x, 0).shape).toEqual([1, 1, 3, 1, 2])
    })
  })
})

describe('slice', () => {
  const bound = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(Number.POSITIVE_INFINITY))

  it('takes what Array.slice takes, every step-th', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        bound,
        bound,
        fc.integer({ min: 1, max: 3 }),
        async (n, a, b, step) => {
          const rows = Array.from({ length: n }, (_, i) => i)
            .slice(a, b)
            .filter((_, i) => i % step === 0)
          const want = rows.flatMap((row) => [2 * row, 2 * row + 1])
          expect(await valuesOf(() => slice(counting([n, 2]), [[a, b, step]]))).toEqual(want)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('refuses what it cannot do', () => {
    scope(() => {
      expect(() => slice(counting([4]), [[3, 0, -1]])).toThrow('step')
      expect(() => slice(counting([4]), [[0.5, 2]])).toThrow('integers')
      expect(() => slice(counting([4]), [[0], [0]])).toThrow('2 ranges')
    })
  })
})

describe('integers', () => {
  it('move like floats', async () => {
    expect(await valuesOf(() => flip(counting([5], 'i32'), 0))).toEqual([4, 3, 2, 1, 0])
    expect(await valuesOf(() => tile(counting([2], 'u32'), [2, 2]))).toEqual([0, 1, 0, 1, 0, 1, 0, 1])
    expect(await valuesOf(() => expand(counting([2, 1], 'i32'), [2, 3]))).toEqual([0, 0, 0, 1, 1, 1])
    expect(await valuesOf(() => pad(counting([2], 'i32'), [[1, 1]], { value: -1 }))).toEqual([-1, 0, 1, -1])
    expect(await valuesOf(() => stack([counting([2], 'i32'), counting([2], 'i32')], 1))).toEqual([0, 0, 1, 1])
  })
})

describe('join', () => {
  it('splits into equal bands, and refuses uneven ones', async () => {
    const bands = split(counting([4, 2]), 2, 0)
    expect(bands.map(({ shape }) => shape)).toEqual([
      [2, 2],
      [2, 2],
    ])
    expect(Array.from(await bands[1]!.data())).toEqual([4, 5, 6, 7])
    for (const band of bands) band.dispose()
    scope(() => {
      expect(() => split(counting([4, 2]), 3, 0)).toThrow('does not divide')
      expect(() => split(counting([4, 2]), [1, 2], 0)).toThrow('do not add up')
      expect(() => concat([counting([4, 2]), counting([4, 3])], 0)).toThrow('[4, 2], [4, 3]')
      expect(() => concat([counting([4]), counting([4], 'i32')], 0)).toThrow('f32, i32')
    })
  })

  it('takes many tensors', async () => {
    const want = Array.from({ length: 40 }, () => [0, 1, 2]).flat()
    expect(
      await valuesOf(() =>
        concat(
          Array.from({ length: 40 }, () => counting([3])),
          0,
        ),
      ),
    ).toEqual(want)
  })
})

describe('size', () => {
  it('is right beyond 65535 workgroups', async () => {
    const size = 16_800_001
    const x = tensor(
      device,
      Int32Array.from({ length: size }, (_, i) => i),
      [size],
    )
    const y = flip(x, 0)
    const values = await y.data()
    for (let i = 0; i < size; i += 9973) expect(values[i]).toBe(size - 1 - i)
    expect(values[size - 1]).toBe(0)
    x.dispose()
    y.dispose()
  })

  it('works by windows beyond the binding limit', async () => {
    const small = await openDevice()
    ;(small.capabilities as { maxBindingBytes: number }).maxBindingBytes = 4096
    for (const dtype of dtypes) {
      const x = counting([7, 30, 33], dtype, small)
      const want = Array.from({ length: x.size }, (_, i) => i % 2048)
      expect(Array.from(await reshape(x, [-1, 7]).data())).toEqual(want)
      expect(await valuesOf(() => permute(x, [2, 0, 1]))).toEqual(permutedValues([7, 30, 33], [2, 0, 1]))
      expect(await valuesOf(() => flip(x, [0, 1, 2]))).toEqual([...want].reverse())
      expect(await valuesOf(() => concat(split(x, [3, 4], 0), 0))).toEqual(want)
      expect(await valuesOf(() => concat(split(x, [10, 23], 2), 2))).toEqual(want)
      x.dispose()
    }
    small.destroy()
  })
})
