/** Sizes beyond the adapter's limits: many workgroups, large indices, tensors larger than a binding, and nothing at all. */
import { describe, expect, it } from 'vitest'
import { dispatch } from '../../src/engine/dispatch.js'
import { LimitError, scope, tensor, zeros } from '../../src/engine/index.js'
import { defineKernel } from '../../src/engine/kernel.js'
import { elementWindows } from '../../src/engine/window.js'
import { add, affine, mul } from '../../src/kernels/elementwise/index.js'
import { matmul } from '../../src/kernels/matmul/index.js'
import { max, mean, sum } from '../../src/kernels/reduce/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const { software, subgroups, maxBindingBytes } = device.capabilities
/** SwiftShader, at a hundredth of lavapipe's speed. */
const slow = software && !subgroups && maxBindingBytes > 2 ** 28

/** Writes the linear index of the invocations around 2^30, and touches no other memory. */
const indexProbe = defineKernel<{ readonly first: number }>({
  name: 'indexProbe',
  variants: [
    {
      name: 'portable',
      wgsl: `
struct Params { first: u32 }
@group(0) @binding(0) var<storage, read_write> seen: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.first && i < params.first + 8u) { seen[i - params.first] = i; }
}`,
      parameters: (writer, { first }) => writer.u32(first),
      workgroups: ({ first }) => Math.ceil((first + 8) / 256),
    },
  ],
})

describe('indices', () => {
  it.skipIf(slow)('are right beyond 2^30 invocations and millions of workgroups', async () => {
    const first = 2 ** 30 - 3
    using seen = zeros(device, [8], { dtype: 'u32' })
    dispatch(device, { kernel: indexProbe, problem: { first }, inputs: [], outputs: [seen] })
    expect(Array.from(await seen.data())).toEqual(Array.from({ length: 8 }, (_, i) => first + i))
  })

  it.skipIf(slow)('are right beyond 65,535 workgroups of a broadcast', async () => {
    const side = 4100
    const y = scope(() => {
      const rows = tensor(
        device,
        Float32Array.from({ length: side }, (_, i) => i),
        [side, 1],
      )
      const columns = tensor(
        device,
        Float32Array.from({ length: side }, (_, i) => i / 8192),
        [side],
      )
      return add(rows, columns)
    })
    const data = await y.data()
    y.dispose()
    for (const at of [0, side - 1, 65535 * 256 - 1, 65535 * 256, 65535 * 256 + 1, side * side - 1]) {
      expect(data[at]).toBe(Math.fround(Math.floor(at / side) + (at % side) / 8192))
    }
  })
})

describe('tensors beyond the binding limit', () => {
  it('are cut into windows that cover each element once', () => {
    for (const [size, width, limit] of [
      [1000, 4, 1024],
      [257, 2, 512],
      [5, 4, 1 << 20],
      [1 << 20, 4, 4096 + 12],
    ] as const) {
      let next = 0
      for (const { start, count } of elementWindows(size, width, limit)) {
        expect(start).toBe(next)
        expect(count * width).toBeLessThanOrEqual(Math.max(limit, size * width <= limit ? limit : 0))
        expect((start * width) % 256).toBe(0)
        next = start + count
      }
      expect(next).toBe(size)
    }
  })

  it.skipIf(maxBindingBytes > 2 ** 28)('go through elementwise operations by windows', async () => {
    const size = maxBindingBytes / 4 + 1000
    const y = scope(() => {
      const x = tensor(
        device,
        Float32Array.from({ length: size }, (_, i) => i % 1000),
        [size / 8, 8],
      )
      const row = tensor(device, [0, 1, 2, 3, 4, 5, 6, 7])
      return add(mul(affine(x, 2, 1), x), row)
    })
    const data = await y.data()
    y.dispose()
    for (const at of [0, 1, maxBindingBytes / 4 - 1, maxBindingBytes / 4, size - 1]) {
      expect(data[at]).toBe((2 * (at % 1000) + 1) * (at % 1000) + (at % 8))
    }
  })

  it.skipIf(maxBindingBytes > 2 ** 28)('are refused by other kernels, with the limit named', () => {
    using x = zeros(device, [maxBindingBytes / 4 + 4])
    expect(() => scope(() => void sum(x))).toThrow(LimitError)
    expect(() => scope(() => void sum(x))).toThrow('maxStorageBufferBindingSize')
  })
})

describe('empty tensors', () => {
  it('go through everything', async () => {
    const x = zeros(device, [0, 3])
    const results = scope(() => [
      add(x, x),
      sum(x),
      sum(x, { axes: 0 }),
      mean(x, { axes: 1 }),
      matmul(x, zeros(device, [3, 2])),
    ])
    expect(results.map(({ shape }) => shape)).toEqual([[0, 3], [], [3], [0], [0, 2]])
    expect(await results[1]!.item()).toBe(0)
    expect(Array.from(await results[2]!.data())).toEqual([0, 0, 0])
    expect((await results[4]!.data()).length).toBe(0)
    expect(() => max(x)).toThrow('no elements')
    for (const value of [x, ...results]) value.dispose()
  })
})
