/**
 * Lifetimes: tensors made inside `scope(fn)` are disposed when it ends, except those that `fn` returns or keeps.
 */
import { VoxgradError } from './errors.js'

/** Whatever a scope can own. */
export interface Disposable {
  dispose(): void
  /** The scope that will dispose this value; managed here. */
  owner?: ScopeMembers | undefined
}

type ScopeMembers = Set<Disposable>

let current: ScopeMembers | undefined

/** Registers a new value with the innermost scope, if there is one. */
export function adopt(value: Disposable): void {
  if (!current) return
  current.add(value)
  value.owner = current
}

/** Takes `value` out of its scope: it lives until it is disposed by hand. Returns it. */
export function keep<T extends Disposable>(value: T): T {
  value.owner?.delete(value)
  value.owner = undefined
  return value
}

/**
 * Runs `fn` and disposes every tensor made meanwhile, except those found in its result (a tensor, or arrays and plain
 * objects of them), which move to the enclosing scope. `fn` must be synchronous: record inside, await outside.
 */
export function scope<T>(fn: () => T): T {
  const outer = current
  const owned: ScopeMembers = new Set()
  current = owned
  try {
    const result = fn()
    if (result instanceof Promise) {
      throw new VoxgradError('scope: the function returned a Promise. Record operations inside, and await data outside')
    }
    release(result, owned, outer)
    return result
  } finally {
    current = outer
    for (const value of owned) value.dispose()
  }
}

/** Moves every owned value reachable from `result` to the enclosing scope. */
function release(result: unknown, owned: ScopeMembers, outer: ScopeMembers | undefined): void {
  if (typeof result !== 'object' || result === null) return
  const value = result as Disposable
  if (owned.delete(value)) {
    outer?.add(value)
    value.owner = outer
    return
  }
  if ('dispose' in result) return
  if (Array.isArray(result)) for (const item of result) release(item, owned, outer)
  else if (result instanceof Map) for (const item of result.values()) release(item, owned, outer)
  else if (Object.getPrototypeOf(result) === Object.prototype) {
    for (const item of Object.values(result)) release(item, owned, outer)
  }
}
