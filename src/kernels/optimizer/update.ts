/** What the kernels that write tensors in place share. */

import { dispatch } from '../../engine/dispatch.js'
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import type { DispatchRequest } from '../../engine/kernel.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'

/** Workgroups of a kernel whose invocations own four elements. */
export const vectorGroups = ({ count }: { readonly count: number }): number => Math.ceil(count / 1024)
export const vectorsOf = (count: number): number => Math.ceil(count / 4)

interface Update<P extends { readonly count: number }> {
  /** For error messages and profiles. */
  readonly name: string
  readonly kernel: DispatchRequest<P>['kernel']
  readonly problem: Omit<P, 'count'>
  /** Tensors of one shape, f32: read, and written in place. */
  readonly read: readonly Tensor[]
  readonly written: readonly Tensor[]
  /** Scalars of the device, read whole. */
  readonly scalars?: readonly Tensor[]
  /** Floating-point operations per element. */
  readonly flops: number
}

/** Records a kernel that treats elements one by one and writes tensors in place; the tape notices the change. */
export function updateInPlace<P extends { readonly count: number }>(update: Update<P>): void {
  const { name, kernel, problem, read, written, scalars = [], flops } = update
  const tensors = [...read, ...written]
  const { shape, size, device } = written[0]!
  checkDType(name, ['f32'], ...tensors, ...scalars)
  for (const tensor of tensors) {
    if (!sameShape(tensor.shape, shape)) {
      throw new ShapeError(`${name}: shapes ${tensors.map((each) => formatShape(each.shape)).join(', ')} differ`)
    }
  }
  device.recorder.enter(name, tensors)
  device.recorder.timer?.enter(name, { flops: flops * size, bytes: 4 * size * (read.length + 2 * written.length) })
  for (const tensor of written) tensor.storage.version++
  for (const { count, of } of elementWindows(size, 4, device.capabilities.maxBindingBytes)) {
    dispatch(device, {
      kernel,
      problem: { ...problem, count } as P,
      inputs: [...scalars, ...read.map(of)],
      outputs: written.map(of),
    })
  }
}
