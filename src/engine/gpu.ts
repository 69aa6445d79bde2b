/**
 * Where WebGPU comes from: the browser's `navigator.gpu`, or Dawn's Node bindings (npm `webgpu`).
 */
import { NoAdapterError, NotSupportedError } from './errors.js'

/**
 * `safe` validates and clamps every access; `fast` drops those guards for benchmarks and trusted kernels.
 * The correctness suite passes in both.
 */
export type Profile = 'safe' | 'fast'

/**
 * Dawn toggles of each profile. The first three lift gates, not guards: subgroup matrices are experimental, f16 is off
 * on NVIDIA by default, and matrices need the Vulkan memory model. Timestamps are unquantised so that profiles mean
 * something: quantised ones step by 65 µs.
 */
const gateToggles = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia', 'use_vulkan_memory_model']
const guardFreeToggles = [
  'disable_robustness',
  'disable_workgroup_init',
  'disable_polyfills_on_integer_div_and_mod',
  'skip_validation',
]
const disabledToggles = ['timestamp_quantization']

/** The Dawn toggles a profile asks for; browsers choose their own and ignore these. */
export function profileToggles(profile: Profile): { enabled: string[]; disabled: string[] } {
  return {
    enabled: profile === 'fast' ? [...gateToggles, ...guardFreeToggles] : [...gateToggles],
    disabled: disabledToggles,
  }
}

type DawnModule = { create(flags: string[]): GPU; globals: Record<string, unknown> }

/**
 * Dawn frees its instance when the object that `create()` returned is collected, even while adapters and devices live,
 * and the process then crashes at some later call. Keeping every instance for the life of the process is the remedy.
 */
const instances = new Map<string, GPU>()

async function loadDawn(): Promise<DawnModule> {
  // A variable keeps browser bundlers from resolving a module that only Node has.
  const moduleName = 'webgpu'
  try {
    return (await import(/* @vite-ignore */ moduleName)) as DawnModule
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new NotSupportedError(
      `no WebGPU here: there is no navigator.gpu, and npm "webgpu" did not load (${detail})`,
      {
        cause,
      },
    )
  }
}

export interface GpuRequest {
  readonly profile: Profile
  /** Dawn back end, as in `vulkan`, `metal`, `d3d12`; `null` compiles shaders and runs nothing. */
  readonly backend?: string | undefined
  /** Part of the adapter's name, for machines with several. */
  readonly adapter?: string | undefined
}

/** The WebGPU entry point for a profile, with the constants (`GPUBufferUsage` …) made global where they are missing. */
export async function acquireGpu({ profile, backend, adapter }: GpuRequest): Promise<GPU> {
  const navigatorGpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu
  if (navigatorGpu) return navigatorGpu
  const toggles = profileToggles(profile)
  const flags = [
    `enable-dawn-features=${toggles.enabled.join(',')}`,
    `disable-dawn-features=${toggles.disabled.join(',')}`,
    ...(backend ? [`backend=${backend}`] : []),
    ...(adapter ? [`adapter=${adapter}`] : []),
  ]
  const key = flags.join(' ')
  const existing = instances.get(key)
  if (existing) return existing
  const dawn = await loadDawn()
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const gpu = dawn.create(flags)
  instances.set(key, gpu)
  return gpu
}

/** The adapter, or a {@link NoAdapterError} that says what was asked for and what helps. */
export async function acquireAdapter(gpu: GPU, request: GpuRequest): Promise<GPUAdapter> {
  let found = ''
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter) return adapter
  } catch (cause) {
    // Dawn rejects when the request names a back end or adapter that is not there, and lists those that are.
    found = ` ${cause instanceof Error ? cause.message.replaceAll('\n', ' ') : String(cause)}`
  }
  const wanted = [request.backend && `back end ${request.backend}`, request.adapter && `name like "${request.adapter}"`]
  const asked = wanted.filter(Boolean).join(', ')
  throw new NoAdapterError(
    `no WebGPU adapter found${asked ? ` (${asked})` : ''}: looked for a GPU driver that Dawn can use ` +
      `(Vulkan on Linux, Metal on macOS, D3D12 on Windows).${found} Install the GPU vendor's driver, or get a software ` +
      'adapter with: npx voxgrad setup',
  )
}
