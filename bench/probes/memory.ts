/** Bandwidth of storage buffers by working-set size, and of workgroup memory. */
import { type Device, empty, scope, zeros } from '../../src/engine/index.js'
import type { Kernel } from '../../src/engine/kernel.js'
import { layoutConstants, type MemoryLayout, memoryLayouts } from './layouts.js'
import copyWgsl from './memory-copy.wgsl'
import readWgsl from './memory-read.wgsl'
import writeWgsl from './memory-write.wgsl'
import { bestRate, dispatch, type ProbeContext, type ProbePlan, probeKernel } from './support.js'
import workgroupWgsl from './workgroup-memory.wgsl'

type Access = 'read' | 'write' | 'copy'

interface MemoryProblem {
  readonly vectors: number
  readonly workgroups: number
  readonly steps: number
}

export const memoryWorkgroupSize = 64
const vectorBytes = 16
const sources: Readonly<Record<Access, string>> = { read: readWgsl, write: writeWgsl, copy: copyWgsl }

/** The third kind of layout never wins on CPUs. */
const softwareLayouts: readonly MemoryLayout[] = ['side by side', 'a stretch per invocation']

/** KiB: the caches of CPUs and GPUs, and beyond them. */
const workingSetsKib = [64, 256, 1024, 4096, 16384, 65536, 262144]
const quickWorkingSetsKib = [64, 1024, 16384, 65536]

export function memoryKernel(access: Access, layout: MemoryLayout): Kernel<MemoryProblem> {
  return probeKernel<MemoryProblem>(`memory ${access} ${layout}`, {
    wgsl: sources[access],
    specialize: () => ({ constants: layoutConstants(layout) }),
    parameters: (writer, { vectors, steps }) => writer.u32(vectors).u32(steps),
    workgroups: ({ workgroups }) => workgroups,
  })
}

async function measureMemory(context: ProbeContext, access: Access, workingSetBytes: number) {
  const { device } = context
  const bytes = access === 'copy' ? workingSetBytes / 2 : workingSetBytes
  const source = empty(device, [bytes / 4])
  const target = access === 'read' ? empty(device, [4 * memoryWorkgroupSize]) : empty(device, [bytes / 4])
  const vectors = bytes / vectorBytes
  const { software } = device.capabilities
  const workgroups = software ? 64 : 4096
  // Each workgroup's share of the array, so that one round is one walk over it (or over the part that a small array has).
  const share = Math.max(1, vectors / (workgroups * memoryWorkgroupSize))
  const bytesPerStep = workgroups * memoryWorkgroupSize * vectorBytes * (access === 'copy' ? 2 : 1)
  let best = { value: 0, note: '' }
  for (const layout of software ? softwareLayouts : memoryLayouts) {
    const kernel = memoryKernel(access, layout)
    const inputs = access === 'write' ? [] : [source]
    const work = (rounds: number) =>
      scope(() =>
        dispatch(device, {
          kernel,
          problem: { vectors, workgroups, steps: share * rounds },
          inputs,
          outputs: [target],
        }),
      )
    const value = (await bestRate(context, work, bytesPerStep * share)) / 1e9
    if (value > best.value) best = { value, note: layout }
  }
  source.dispose()
  target.dispose()
  return best
}

async function measureWorkgroupMemory(context: ProbeContext) {
  const { device } = context
  const result = zeros(device, [4 * 128])
  const workgroups = device.capabilities.software ? 64 : 8192
  const kernel = probeKernel<{ steps: number }>('workgroup memory', {
    wgsl: workgroupWgsl,
    parameters: (writer, { steps }) => writer.u32(steps),
    workgroups: () => workgroups,
  })
  const work = (steps: number) =>
    scope(() => dispatch(device, { kernel, problem: { steps }, inputs: [], outputs: [result] }))
  const bytesPerStep = 4 * vectorBytes * 128 * workgroups
  const value = (await bestRate(context, work, bytesPerStep, 16)) / 1e9
  result.dispose()
  return { value }
}

export function memoryProbes({ capabilities }: Device, quick: boolean): ProbePlan[] {
  const sizes = quick ? quickWorkingSetsKib : workingSetsKib
  return (['read', 'write', 'copy'] as const).flatMap((access) =>
    sizes.map((kib): ProbePlan => {
      const workingSetBytes = kib * 1024
      const binding = access === 'copy' ? workingSetBytes / 2 : workingSetBytes
      return {
        describe: {
          name: `memory ${access}, ${kib < 1024 ? `${kib} KiB` : `${kib / 1024} MiB`}`,
          kind: 'memory',
          unit: 'GB/s',
          access,
          workingSetBytes,
          ceilingOf: `kernels that ${access} a working set of this size in whole 16-byte vectors${access === 'copy' ? '; bytes read plus bytes written' : ''}`,
        },
        unsupported:
          binding > capabilities.maxBindingBytes
            ? `the adapter binds at most ${capabilities.maxBindingBytes / 2 ** 20} MiB at once`
            : undefined,
        measure: (context) => measureMemory(context, access, workingSetBytes),
      }
    }),
  )
}

export const workgroupProbes: readonly ProbePlan[] = [
  {
    describe: {
      name: 'workgroup memory read',
      kind: 'workgroup',
      unit: 'GB/s',
      ceilingOf: 'kernels that feed themselves from workgroup memory: 16-byte loads without bank conflicts',
    },
    measure: measureWorkgroupMemory,
  },
]
