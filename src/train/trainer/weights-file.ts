/** A task's parameters in a file, under the names and in the layout of the model's published weights. */
import { openSafetensors, type SafetensorsHeader, toFloat32, writeSafetensorsFrom } from '../../data/index.js'
import { noGrad, scope, type Tensor, tensor } from '../../engine/index.js'
import { permute } from '../../kernels/layout/index.js'
import type { Parameter } from '../../models/index.js'
import { TrainingError } from './errors.js'

/** Writes f32 weights atomically. `tensorOf` gives the tensor of a parameter, in our layout. */
export async function writeWeights(
  path: string,
  parameters: ReadonlyMap<string, Parameter>,
  tensorOf: (name: string, parameter: Parameter) => Tensor,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const shapes = [...parameters].map(([name, { declaration }]) => [name, [...declaration.shape]] as [string, number[]])
  const headers = new Map(shapes.map(([name, shape]): [string, SafetensorsHeader] => [name, { dtype: 'F32', shape }]))
  const read = async (name: string) => {
    const parameter = parameters.get(name)!
    const { axes, shape } = parameter.declaration
    const data = await turned(
      tensorOf(name, parameter),
      axes?.map((_, axis) => axes.indexOf(axis)),
    )
    return { dtype: 'F32' as const, shape: [...shape], data }
  }
  await writeSafetensorsFrom(path, headers, read, metadata)
}

/** Overwrites tensors in place with the weights of a file that {@link writeWeights} wrote. */
export async function readWeights(
  path: string,
  parameters: ReadonlyMap<string, Parameter>,
  targetsOf: (name: string, parameter: Parameter) => readonly Tensor[],
): Promise<void> {
  await using file = await openSafetensors(path)
  const [missing] = [...parameters.keys()].filter((name) => !file.names.includes(name))
  if (missing !== undefined) throw new TrainingError(`${path}: has no '${missing}': it is of another model`)
  for (const [name, parameter] of parameters) {
    const { axes, shape } = parameter.declaration
    const stored = await file.read(name)
    if (stored.shape.join() !== shape.join()) {
      throw new TrainingError(`${path}: '${name}' is ${stored.shape.join('x')}, the model has ${shape.join('x')}`)
    }
    const source = tensor(parameter.value.device, toFloat32(stored), stored.shape)
    const values = await turned(source, axes)
    source.dispose()
    for (const target of targetsOf(name, parameter)) target.write(values)
  }
}

/** The values with their axes in another order. */
async function turned(value: Tensor, axes: readonly number[] | undefined): Promise<Float32Array> {
  if (!axes) return (await value.data()) as Float32Array
  const moved = noGrad(() => scope(() => permute(value, [...axes])))
  const values = (await moved.data()) as Float32Array
  moved.dispose()
  return values
}
