import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '../../src/numeric/half.js'

const everyPattern = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

describe.each([
  ['half', float32ToFloat16, float16ToFloat32, 0x7c00],
  ['bfloat16', float32ToBfloat16, bfloat16ToFloat32, 0x7f80],
])('%s', (_, encode, decode, infinity) => {
  const values = decode(everyPattern)

  test('all 65536 patterns survive, NaN as NaN', () => {
    const back = encode(values)
    for (let bits = 0; bits < 65536; bits++) {
      if ((bits & 0x7fff) > infinity) expect(decode(back.subarray(bits, bits + 1))[0]).toBeNaN()
      else if (back[bits] !== bits) expect.fail(`pattern ${bits} became ${back[bits]}`)
    }
  })

  test('rounds to nearest, ties to even', () => {
    const cases: number[] = []
    for (let bits = 0; bits < infinity; bits++) {
      const [low, high] = [
        values[bits]!,
        bits + 1 === infinity ? 2 * values[bits]! - values[bits - 1]! : values[bits + 1]!,
      ]
      const middle = (low + high) / 2
      cases.push(middle, -middle)
    }
    const middles = Float32Array.from(cases)
    const encoded = encode(middles)
    for (let n = 0; n < middles.length; n++) {
      const bits = n >> 1
      // The middle itself, where float32 can hold it, goes to the even pattern.
      if (middles[n] === cases[n] && (encoded[n]! & 0x7fff) !== bits + (bits & 1))
        expect.fail(`tie above pattern ${bits}`)
    }
  })

  test('no pattern is nearer', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const bits = encode(Float32Array.of(value))[0]!
        const error = Math.abs(values[bits]! - value)
        const magnitude = bits & 0x7fff
        if (magnitude === infinity) expect(Math.abs(value)).toBeGreaterThan(values[infinity - 1]!)
        else
          for (const neighbour of [bits - 1, bits + 1]) {
            if (magnitude > 0 && (neighbour & 0x7fff) < infinity) {
              expect(Math.abs(values[neighbour]! - value)).toBeGreaterThanOrEqual(error)
            }
          }
      }),
      { numRuns: 2000 },
    )
  })
})

test('known values', () => {
  const inputs = Float32Array.of(1, -0, 65504, 65519.99, 65520, 5.96e-8, 2.98e-8, 1 / 3, Number.POSITIVE_INFINITY)
  expect([...float32ToFloat16(inputs)]).toEqual([
    ...[0x3c00, 0x8000, 0x7bff, 0x7bff, 0x7c00, 0x0001, 0x0000, 0x3555, 0x7c00],
  ])
  expect([...float32ToBfloat16(Float32Array.of(1, -0, 3.3895314e38, 3.4e38, 1 / 3))]).toEqual([
    ...[0x3f80, 0x8000, 0x7f7f, 0x7f80, 0x3eab],
  ])
})
