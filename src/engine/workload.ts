/** Work whose kernels the tuner measures: an operation with inputs and options, or whatever a model does. */
import { gradients } from './autograd.js'
import type { Device } from './device.js'
import { type DType, isFloat } from './dtype.js'
import { applyAll, type CaseInput, type OpCase, type OpDefinition } from './op.js'
import { scope } from './scope.js'
import { empty, type Tensor } from './tensor.js'

/** Makes an input for a {@link Workload}; of type `dtype` where the input itself is a float or says nothing. */
export type MakeInput = (input: CaseInput, dtype?: DType) => Tensor

/**
 * Something that launches kernels. It is run without launching any, to see which problems come up, so it must not read
 * values back and need not fill its tensors. Inputs made with `input` keep their range and values when a kernel that
 * takes them is measured; everything else is measured on random numbers, and on zeros for integers.
 */
export interface Workload {
  /** As reports call it: `matmul/square 512, f16`. */
  readonly name: string
  run(device: Device, input: MakeInput): void
}

/** An operation's case, forward and, where it has gradients, backward. */
export function operationWorkload<Options>(
  op: OpDefinition<Options>,
  test: OpCase<Options>,
  dtype: 'f32' | 'f16',
): Workload {
  return {
    name: `${op.name}/${test.name}, ${dtype}`,
    run(device, input) {
      const tensors = test.inputs.map((each) => {
        const differentiable = each.differentiable !== false && op.differentiable !== false
        const made = input(each, dtype)
        return made.setRequiresGrad(differentiable && isFloat(made.dtype))
      })
      const leaves = tensors.filter(({ requiresGrad }) => requiresGrad)
      for (const output of applyAll(op, tensors, test.options)) {
        if (leaves.length === 0 || !output.requiresGrad || !isFloat(output.dtype)) continue
        const gradient = empty(device, output.shape, output.dtype)
        scope(() => void gradients(output, leaves, { gradient, retainGraph: true }))
      }
    },
  }
}
