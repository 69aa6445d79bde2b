/** What an adapter can do, read once when a device is opened. Kernels choose their variants by it. */
export interface Capabilities {
  /** `vendor architecture device description` of the adapter, as far as it tells. */
  readonly adapter: AdapterIdentity
  /** True for CPU adapters (lavapipe, SwiftShader, WARP): other kernel variants win there. */
  readonly software: boolean
  readonly f16: boolean
  readonly subgroups: boolean
  /** Range of subgroup sizes; both 0 without subgroups. */
  readonly subgroupMinSize: number
  readonly subgroupMaxSize: number
  /** Matrix shapes that `subgroupMatrixMultiplyAccumulate` takes; empty without the feature. */
  readonly subgroupMatrixConfigs: readonly SubgroupMatrixConfig[]
  readonly timestampQuery: boolean
  /** Bytes one storage binding may cover. */
  readonly maxBindingBytes: number
  readonly maxBufferBytes: number
  readonly maxWorkgroupMemoryBytes: number
  readonly maxInvocationsPerWorkgroup: number
  readonly maxWorkgroupsPerDimension: number
  readonly maxStorageBuffersPerStage: number
}

export interface AdapterIdentity {
  readonly vendor: string
  readonly architecture: string
  readonly device: string
  readonly description: string
}

/** One multiply-accumulate shape: `[m, k] x [k, n] -> [m, n]`. */
export interface SubgroupMatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly m: number
  readonly n: number
  readonly k: number
}

/** Dawn's name until the feature is standard. */
export const subgroupMatrixFeature = 'chromium-experimental-subgroup-matrix'

type DawnAdapterInfo = GPUAdapterInfo & {
  readonly isFallbackAdapter?: boolean
  readonly subgroupMatrixConfigs?: Iterable<{
    componentType: string
    resultComponentType: string
    M: number
    N: number
    K: number
  }>
}

const softwareNames = /llvmpipe|lavapipe|swiftshader|microsoft basic render|warp/i

export function readCapabilities(adapter: GPUAdapter): Capabilities {
  const info = adapter.info as DawnAdapterInfo
  const limits = adapter.limits
  const has = (feature: string) => adapter.features.has(feature)
  const subgroups = has('subgroups')
  const { vendor, architecture, device, description } = info
  return {
    adapter: { vendor, architecture, device, description },
    software: info.isFallbackAdapter === true || softwareNames.test(`${device} ${description}`),
    f16: has('shader-f16'),
    subgroups,
    subgroupMinSize: subgroups ? (info.subgroupMinSize ?? 0) : 0,
    subgroupMaxSize: subgroups ? (info.subgroupMaxSize ?? 0) : 0,
    subgroupMatrixConfigs: has(subgroupMatrixFeature)
      ? Array.from(info.subgroupMatrixConfigs ?? [], ({ componentType, resultComponentType, M, N, K }) => ({
          componentType,
          resultComponentType,
          m: M,
          n: N,
          k: K,
        }))
      : [],
    timestampQuery: has('timestamp-query'),
    maxBindingBytes: limits.maxStorageBufferBindingSize,
    maxBufferBytes: limits.maxBufferSize,
    maxWorkgroupMemoryBytes: limits.maxComputeWorkgroupStorageSize,
    maxInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxStorageBuffersPerStage: limits.maxStorageBuffersPerShaderStage,
  }
}

/** Every limit of the adapter, to be requested as they are: WebGPU's defaults would cap bindings at 128 MiB. */
export function adapterLimits(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const name in adapter.limits) {
    const value = (adapter.limits as unknown as Record<string, unknown>)[name]
    if (typeof value === 'number') limits[name] = value
  }
  return limits
}
