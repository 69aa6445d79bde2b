/** How the invocations of the memory kernels share an array (see memory-read.wgsl). */
import type { Specialization } from '../../src/engine/kernel.js'

export const memoryLayouts = ['side by side', 'a stretch per workgroup', 'a stretch per invocation'] as const
export type MemoryLayout = (typeof memoryLayouts)[number]

export function layoutConstants(layout: MemoryLayout): NonNullable<Specialization['constants']> {
  return {
    STRETCH_PER_WORKGROUP: layout === 'a stretch per workgroup',
    STRETCH_PER_INVOCATION: layout === 'a stretch per invocation',
  }
}
