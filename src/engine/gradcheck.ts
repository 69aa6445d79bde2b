import { gradients, noGrad } from './autograd.js'
import { ValueError } from './errors.js'
import { scope } from './scope.js'
import { sizeOf } from './shape.js'
import { type Tensor, tensor } from './tensor.js'

export interface GradcheckOptions {
  /** Step of the central difference; default 1e-2, which balances truncation against f32 rounding. */
  readonly step?: number
  /** Allowed error relative to the larger of 1 and the largest gradient of that input; default 2e-2. */
  readonly tolerance?: number
}

/**
 * Compares the gradients of `fn` with central differences, element by element, on the device. Give it smooth functions
 * and small f32 inputs. Resolves to the largest error found; rejects with the input and element where it is too large.
 */
export async function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<number> {
  const { step = 1e-2, tolerance = 2e-2 } = options
  const device = inputs[0]!.device
  const base = await Promise.all(inputs.map(async (input) => Float32Array.from(await input.data())))
  const make = (values: readonly ArrayLike<number>[], requiresGrad: boolean) =>
    values.map((list, i) => tensor(device, list, inputs[i]!.shape, { requiresGrad }))
  const outputShape = scope(() => noGrad(() => fn(...make(base, false)).shape))
  const cotangent = Float64Array.from({ length: sizeOf(outputShape) }, (_, i) => Math.sin(1.3 * i + 0.7))
  const analytic = scope(() => {
    const leaves = make(base, true)
    return gradients(fn(...leaves), leaves, { gradient: tensor(device, cotangent, outputShape) })
  })
  const evaluate = async (values: readonly ArrayLike<number>[]): Promise<number> => {
    const output = scope(() => noGrad(() => fn(...make(values, false))))
    const data = await output.data()
    output.dispose()
    return Array.from(data).reduce((sum, value, i) => sum + value * cotangent[i]!, 0)
  }
  let worst = 0
  for (const [i, gradient] of analytic.entries()) {
    const expected = await gradient.data()
    const scale = Math.max(1, ...expected.map(Math.abs))
    for (let j = 0; j < expected.length; j++) {
      const shifted = (delta: number) => base.map((list, k) => (k === i ? list.with(j, list[j]! + delta) : list))
      const numeric = ((await evaluate(shifted(step))) - (await evaluate(shifted(-step)))) / (2 * step)
      const error = Math.abs(numeric - expected[j]!) / scale
      if (!(error <= tolerance)) {
        throw new ValueError(
          `gradcheck: input ${i}, element ${j}: the gradient is ${expected[j]}, central differences give ${numeric}`,
        )
      }
      worst = Math.max(worst, error)
    }
    gradient.dispose()
  }
  return worst
}
