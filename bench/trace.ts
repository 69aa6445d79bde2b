/** What one execution launches and touches: the kernels and variants chosen, and the memory that was there before. */
import type { Device } from '../src/engine/index.js'
import type { Storage } from '../src/engine/memory.js'

export interface Trace<T> {
  readonly result: T
  /** Kernel and variant of each launch, in order, as in `matmul/portable`. */
  readonly launches: readonly string[]
  readonly storages: ReadonlySet<Storage>
}

/**
 * Runs `fn` and notes every launch. The recorder and the device are watched from outside, by methods of the same name on
 * the instance: the engine needs no hook that only a bench would use, and nothing is left behind.
 */
export function traced<T>(device: Device, fn: () => T): Trace<T> {
  const { recorder } = device
  const launches: string[] = []
  const storages = new Set<Storage>()
  recorder.dispatch = (...call) => {
    launches.push(call[1])
    Object.getPrototypeOf(recorder).dispatch.apply(recorder, call)
  }
  device.touch = (storage) => {
    storages.add(storage)
    Object.getPrototypeOf(device).touch.call(device, storage)
  }
  try {
    return { result: fn(), launches, storages }
  } finally {
    Reflect.deleteProperty(recorder, 'dispatch')
    Reflect.deleteProperty(device, 'touch')
  }
}

/** The distinct kernels of a trace, in order of first launch: the name of what ran. */
export function kernelsOf(launches: readonly string[]): string[] {
  return [...new Set(launches)]
}
