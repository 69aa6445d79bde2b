/** `voxgrad doctor`: what this machine can run, what is missing, and the command that mends it. */
import { Command } from 'commander'
import {
  type Capabilities,
  type Device,
  type DeviceProfile,
  NoAdapterError,
  openDevice,
  scope,
  tensor,
  VoxgradError,
} from '../engine/index.js'
import { matmul } from '../kernels/matmul/index.js'
import { describeStatus, loadTuning, packageVersion, type TuningStatus } from '../tuning/index.js'
import { addDeviceOptions, type DeviceArguments } from './options.js'

interface Diagnosis {
  readonly node: string
  readonly platform: string
  readonly webgpu: string
  readonly profile: DeviceProfile
  readonly usable: boolean
  readonly adapter?: Capabilities['adapter'] & { readonly software: boolean }
  readonly features?: readonly string[]
  readonly limits?: Readonly<Record<string, number>>
  readonly subgroupSizes?: readonly [number, number]
  readonly subgroupMatrixConfigs?: Capabilities['subgroupMatrixConfigs']
  readonly toggles?: { readonly enabled: readonly string[]; readonly disabled: readonly string[] }
  /** A small matrix product came out right. */
  readonly selfTest?: boolean
  /** Which measurements choose the kernels' variants. */
  readonly tuning?: TuningStatus
  readonly missing: readonly string[]
  /** The one command that helps, if any does. */
  readonly remedy?: string
}

const setup = 'npx voxgrad setup'

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description('Tell what this machine can run: adapter, features, limits, and what is missing')
    .option('--json', 'print everything as JSON')
  return addDeviceOptions(command).action(async (options: DeviceArguments & { json?: boolean }) => {
    const diagnosis = await diagnose(options)
    console.log(options.json ? JSON.stringify(diagnosis, null, 2) : describe(diagnosis))
    if (!diagnosis.usable) process.exitCode = 1
  })
}

async function diagnose(options: DeviceArguments): Promise<Diagnosis> {
  const base = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    webgpu: packageVersion('webgpu'),
    profile: options.profile,
  }
  try {
    using device = await openDevice(options)
    return { ...base, ...(await examine(device)) }
  } catch (error) {
    if (!(error instanceof VoxgradError)) throw error
    return {
      ...base,
      usable: false,
      missing: [error.message],
      ...(error instanceof NoAdapterError ? { remedy: setup } : {}),
    }
  }
}

async function examine(device: Device): Promise<Omit<Diagnosis, 'node' | 'platform' | 'webgpu' | 'profile'>> {
  const { capabilities, gpu } = device
  const tuning = loadTuning(device).status
  const selfTest = await multipliesRight(device)
  const missing = [
    ...(capabilities.f16 ? [] : ['shader-f16: half-precision storage and everything built on it']),
    ...(capabilities.subgroups ? [] : ['subgroups: faster reductions']),
    ...(capabilities.subgroupMatrixConfigs.length > 0 ? [] : ['subgroup matrices: matrix products on tensor cores']),
    ...(capabilities.timestampQuery ? [] : ['timestamp-query: profiles and device timings']),
    ...(selfTest ? [] : ['right results: a small matrix product came out wrong']),
  ]
  const poorSoftware = capabilities.software && !capabilities.f16
  return {
    usable: selfTest,
    adapter: { ...capabilities.adapter, software: capabilities.software },
    features: [...gpu.features].sort(),
    limits: limitsOf(gpu),
    subgroupSizes: [capabilities.subgroupMinSize, capabilities.subgroupMaxSize],
    subgroupMatrixConfigs: capabilities.subgroupMatrixConfigs,
    toggles: device.toggles,
    selfTest,
    tuning,
    missing,
    ...(poorSoftware ? { remedy: setup } : {}),
  }
}

async function multipliesRight(device: Device): Promise<boolean> {
  const product = scope(() => matmul(tensor(device, [1, 2, 3, 4], [2, 2]), tensor(device, [5, 6, 7, 8], [2, 2])))
  const got = await product.data()
  return [19, 22, 43, 50].every((value, i) => got[i] === value)
}

function limitsOf({ limits }: GPUDevice): Record<string, number> {
  const entries: [string, number][] = []
  for (const name in limits) {
    const value = (limits as unknown as Record<string, unknown>)[name]
    if (typeof value === 'number') entries.push([name, value])
  }
  return Object.fromEntries(entries)
}

function describe(diagnosis: Diagnosis): string {
  const { adapter, limits, subgroupMatrixConfigs = [], subgroupSizes = [0, 0] } = diagnosis
  const matrices = subgroupMatrixConfigs.map(
    ({ m, n, k, componentType, resultComponentType }) => `${m}x${n}x${k} ${componentType} to ${resultComponentType}`,
  )
  const mebibytes = (bytes: number | undefined) => `${Math.floor((bytes ?? 0) / 2 ** 20)} MiB`
  const rows: [string, string][] = [
    ['node', `${diagnosis.node} on ${diagnosis.platform}`],
    ['webgpu', diagnosis.webgpu],
    ['profile', diagnosis.profile],
  ]
  if (adapter) {
    rows.push(
      [
        'adapter',
        `${adapter.description || adapter.device} (${adapter.vendor}, ${adapter.software ? 'software' : 'hardware'})`,
      ],
      ['features', diagnosis.features!.join(', ')],
      ['subgroups', subgroupSizes[1] > 0 ? `${subgroupSizes[0]} to ${subgroupSizes[1]} invocations` : 'none'],
      ['matrices', matrices.join(', ') || 'none'],
      ['one binding', mebibytes(limits!.maxStorageBufferBindingSize)],
      ['one buffer', mebibytes(limits!.maxBufferSize)],
      ['toggles', diagnosis.toggles!.enabled.join(', ')],
      ['tuning', tuningText(diagnosis.tuning!)],
      ['self-test', diagnosis.selfTest ? 'passed' : 'FAILED'],
    )
  }
  for (const item of diagnosis.missing) rows.push(['missing', item])
  if (diagnosis.remedy) rows.push(['mend with', diagnosis.remedy])
  rows.push(['verdict', diagnosis.usable ? 'ready' : 'nothing can run'])
  return rows.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n')
}

const tuningText = (status: TuningStatus): string =>
  status.measured > 0 ? `${describeStatus(status)} (${status.cachePath})` : describeStatus(status)
