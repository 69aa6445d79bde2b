import { describe, expect, it } from 'vitest'
import { dispatch, spreadWorkgroups } from '../../src/engine/dispatch.js'
import {
  DeviceLostError,
  DeviceMismatchError,
  DTypeError,
  defineKernel,
  LimitError,
  NoAdapterError,
  NotSupportedError,
  openDevice,
  ShaderError,
  ShapeError,
  scope,
  tensor,
  ValueError,
  withVariant,
  zeros,
} from '../../src/engine/index.js'
import { add, clamp, exp } from '../../src/kernels/elementwise/index.js'
import { matmul } from '../../src/kernels/matmul/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const brokenKernel = defineKernel<null>({
  name: 'broken',
  variants: [{ name: 'portable', wgsl: 'fn main( {', workgroups: () => 1 }],
})

describe('errors', () => {
  it('name the operation and both shapes', () => {
    const a = zeros(device, [2, 3])
    const b = zeros(device, [4])
    expect(() => add(a, b)).toThrow(ShapeError)
    expect(() => add(a, b)).toThrow('add: shapes [2, 3] and [4]')
    expect(() => matmul(a, a)).toThrow('matmul: [2, 3] and [2, 3]')
    a.dispose()
    b.dispose()
  })

  it('name the type that an operation does not take', () => {
    const a = tensor(device, new Int32Array([1, 2]))
    expect(() => exp(a)).toThrow(DTypeError)
    a.dispose()
  })

  it('refuse impossible shapes and values', () => {
    expect(() => zeros(device, [2, -1])).toThrow(ShapeError)
    expect(() => zeros(device, [1.5])).toThrow(ShapeError)
    expect(() => tensor(device, [1, 2, 3], [2, 2])).toThrow('3 values')
    const a = zeros(device, [2])
    expect(() => clamp(a, 2, 1)).toThrow(ValueError)
    expect(() => a.write([1])).toThrow(ShapeError)
    a.dispose()
  })

  it('refuse tensors of two devices', async () => {
    const other = await openDevice()
    const a = zeros(device, [2])
    const b = zeros(other, [2])
    expect(() => add(a, b)).toThrow(DeviceMismatchError)
    a.dispose()
    b.dispose()
    other.destroy()
    expect(() => zeros(other, [2])).toThrow('destroy')
  })

  it('of a shader surface at the awaiting call with operation and shapes, and poison nothing', async () => {
    const a = tensor(device, [1, 2])
    const good = add(a, a)
    const bad = zeros(device, [2])
    device.recorder.enter('myOperation', [a])
    dispatch(device, { kernel: brokenKernel, problem: null, inputs: [a], outputs: [bad] })
    await expect(bad.data()).rejects.toThrow(ShaderError)
    device.recorder.enter('myOperation', [a])
    expect(() => dispatch(device, { kernel: brokenKernel, problem: null, inputs: [a], outputs: [bad] })).toThrow(
      'myOperation(f32 [2])',
    )
    expect(await good.data()).toEqual(new Float32Array([2, 4]))
    expect(await scope(() => add(good, a)).data()).toEqual(new Float32Array([3, 6]))
    for (const value of [a, good, bad]) value.dispose()
  })

  it('of a limit name the limit', () => {
    const { maxBufferBytes } = device.capabilities
    expect(() => zeros(device, [Math.floor(maxBufferBytes / 4) + 64])).toThrow(LimitError)
  })

  it('of a missing adapter say what helps', async () => {
    await expect(openDevice({ adapter: 'no such adapter' })).rejects.toThrow(NoAdapterError)
    await expect(openDevice({ adapter: 'no such adapter' })).rejects.toThrow('voxgrad setup')
  })

  it('of a lost device surface at the awaiting call', async () => {
    const doomed = await openDevice()
    const a = zeros(doomed, [2])
    doomed.gpu.destroy()
    await doomed.gpu.lost
    await expect(a.data()).rejects.toThrow(DeviceLostError)
    expect(() => zeros(doomed, [2])).toThrow('openDevice')
  })

  it('of an unknown variant say so', () => {
    const a = zeros(device, [2, 2])
    expect(() => withVariant('matmul', 'imaginary', () => matmul(a, a))).toThrow(NotSupportedError)
    a.dispose()
  })
})

describe('spreadWorkgroups', () => {
  it('covers every count within the limit of a dimension', () => {
    for (const count of [0, 1, 65535, 65536, 65537, 1_000_003, 2 ** 31]) {
      const [x, y, z] = spreadWorkgroups(count, 65535)
      expect(x).toBeLessThanOrEqual(65535)
      expect(y).toBeLessThanOrEqual(65535)
      expect(x * y * z).toBeGreaterThanOrEqual(count)
      expect(x * y * z - count).toBeLessThan(Math.max(1, y))
    }
  })
})
