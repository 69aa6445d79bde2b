/** Tells whether a kernel is still the one that was measured. */
import type { Kernel } from './kernel.js'

const fnvPrime = 0x01000193
const fnvBasis = 0x811c9dc5

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 units, from a basis of one's choice. */
function fnv1a(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), fnvPrime)
  return hash >>> 0
}

const hex = (word: number): string => word.toString(16).padStart(8, '0')

/** 64 bits of a text, as hexadecimal digits: tells texts apart that differ by accident, not by intent. */
export function fingerprint(text: string): string {
  return hex(fnv1a(text, fnvBasis)) + hex(fnv1a(text, fnvBasis ^ 0xffffffff))
}

const known = new WeakMap<object, string>()

/** Of the names, order, WGSL and extensions of all variants, and of the kernel's own sources and version. */
export function kernelFingerprint(kernel: Kernel<never>): string {
  const before = known.get(kernel)
  if (before !== undefined) return before
  const variants = kernel.variants.map(({ name, wgsl, extensions = [] }) => [name, extensions, wgsl])
  const made = fingerprint(JSON.stringify([kernel.name, kernel.version ?? 0, kernel.sources ?? [], variants]))
  known.set(kernel, made)
  return made
}
