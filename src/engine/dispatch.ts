/** Kernels on the command stream: chosen, bound and recorded. */
import type { Device } from './device.js'
import { LimitError } from './errors.js'
import { chooseVariant, type DispatchRequest, type KernelVariant, type TensorWindow } from './kernel.js'
import { empty, type Tensor } from './tensor.js'

type Watcher = (request: DispatchRequest<unknown>) => void

let watcher: Watcher | undefined

/** Shows every kernel that `fn` would launch to `see`, and launches none: for whoever plans what to measure. */
export function withoutLaunching<T>(see: Watcher, fn: () => T): T {
  const outer = watcher
  watcher = see
  try {
    return fn()
  } finally {
    watcher = outer
  }
}

/**
 * Records one kernel, in one pass or two. Nothing is launched for a problem of zero workgroups.
 *
 * @throws LimitError when a tensor is larger than one binding may be.
 */
export function dispatch<P>(device: Device, request: DispatchRequest<P>): void {
  device.checkUsable()
  if (watcher) {
    watcher(request as DispatchRequest<unknown>)
    return
  }
  const { kernel, problem, inputs, outputs } = request
  const variant = chooseVariant(kernel, device, problem)
  const second = variant.split?.(problem, device.capabilities)
  if (!second) {
    record(device, variant, request)
    return
  }
  const partials = empty(device, [second.partials])
  record(device, variant, { kernel, problem, inputs, outputs: [partials] })
  dispatch(device, { kernel: second.kernel, problem: second.problem, inputs: [partials, ...inputs], outputs })
  partials.dispose()
}

function record<P>(
  device: Device,
  variant: KernelVariant<P>,
  { kernel, problem, inputs, outputs }: DispatchRequest<P>,
): void {
  const { capabilities, recorder, pipelines } = device
  const launch = variant.workgroups(problem, capabilities)
  const workgroups =
    typeof launch === 'number' ? spreadWorkgroups(launch, capabilities.maxWorkgroupsPerDimension) : launch
  if (workgroups[0] * workgroups[1] * workgroups[2] === 0) return
  checkWorkgroups(kernel.name, workgroups, capabilities.maxWorkgroupsPerDimension)
  const compiled = pipelines.get(kernel, variant, problem, inputs.length, outputs.length)
  const bindings = pipelines.bind(kernel, inputs, outputs)
  const parameterOffset = recorder.parameterSlot()
  variant.parameters?.(pipelines.parameters.at(parameterOffset), problem, capabilities)
  let bytes = 0
  for (const binding of inputs) bytes += touch(device, binding)
  for (const binding of outputs) bytes += touch(device, binding)
  const isolate = !compiled.used
  compiled.used = true
  recorder.dispatch(
    { pipeline: compiled.pipeline, bindings, parameterOffset, workgroups, isolate },
    compiled.label,
    bytes,
  )
}

function touch(device: Device, binding: Tensor | TensorWindow): number {
  device.touch('tensor' in binding ? binding.tensor.storage : binding.storage)
  return binding.byteLength
}

/**
 * `count` workgroups as a grid whose sides stay within the limit of a dimension. The shader's linear index is
 * `workgroup_id.y * num_workgroups.x + workgroup_id.x`, and it must ignore indices from `count` on.
 */
export function spreadWorkgroups(count: number, limit: number): [number, number, number] {
  if (count <= limit) return [count, 1, 1]
  const y = Math.ceil(count / limit)
  return [Math.ceil(count / y), y, 1]
}

function checkWorkgroups(name: string, [x, y, z]: readonly [number, number, number], limit: number): void {
  if (x > limit || y > limit || z > limit) {
    throw new LimitError(
      `kernel ${name}: ${x} x ${y} x ${z} workgroups are beyond this adapter's ${limit} per dimension`,
    )
  }
}
