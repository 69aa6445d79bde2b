/**
 * The adapter that every peer gets: the one the engine measures on, without guards that cost time. Only validation
 * stays, because Dawn without it crashes on a faulty shader, and a peer's faults must not end the suite.
 */
import { acquireAdapter, profileToggles } from '../../src/engine/gpu.js'

interface Dawn {
  create(flags: readonly string[]): GPU
  readonly globals: Record<string, unknown>
}

const request = { profile: 'fast' } as const

/** Kept for good: when Dawn's instance is collected, the process crashes at some later call. */
let found: Promise<{ gpu: GPU; adapter: GPUAdapter }> | undefined

/**
 * Finds the adapter once. Dawn has then loaded the Vulkan loader, and libraries that ask for it by name later get the
 * same one, wherever it came from: ONNX Runtime, whose own search path would not find it, relies on this.
 */
export function sharedAdapter(): Promise<{ gpu: GPU; adapter: GPUAdapter }> {
  found ??= findAdapter()
  return found
}

async function findAdapter(): Promise<{ gpu: GPU; adapter: GPUAdapter }> {
  const { create, globals } = (await import('webgpu')) as unknown as Dawn
  for (const [name, value] of Object.entries(globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const { enabled, disabled } = profileToggles(request.profile)
  const toggles = enabled.filter((toggle) => toggle !== 'skip_validation')
  const gpu = create([`enable-dawn-features=${toggles.join(',')}`, `disable-dawn-features=${disabled.join(',')}`])
  return { gpu, adapter: await acquireAdapter(gpu, request) }
}

/** What peers see of the browser's `GPU`. */
interface MinimalGpu {
  requestAdapter(): Promise<GPUAdapter | null>
  getPreferredCanvasFormat(): string
  readonly wgslLanguageFeatures: ReadonlySet<string>
}

/**
 * Runs `work` with `navigator.gpu` as peers written for browsers expect it. It is there for so long only: the engine,
 * too, takes a `navigator.gpu` that it finds, and would then have no say in toggles.
 */
export async function withNavigatorGpu<T>(work: () => Promise<T>): Promise<T> {
  const { gpu } = await sharedAdapter()
  const shim: MinimalGpu = {
    requestAdapter: async () => restrictedAdapter(await acquireAdapter(gpu, request)),
    getPreferredCanvasFormat: () => 'rgba8unorm',
    wgslLanguageFeatures: gpu.wgslLanguageFeatures,
  }
  const navigator = browserNavigator()
  Object.defineProperty(navigator, 'gpu', { value: shim, configurable: true })
  try {
    return await work()
  } finally {
    Reflect.deleteProperty(navigator, 'gpu')
  }
}

/** `navigator`, which Node has from version 21 on; peers read its `userAgent` also while they run, so it stays. */
function browserNavigator(): object {
  const scope = globalThis as { navigator?: object }
  if (!scope.navigator) {
    Object.defineProperty(scope, 'navigator', {
      value: { userAgent: `Node.js/${process.versions.node}`, language: 'en' },
      configurable: true,
    })
  }
  return scope.navigator!
}

/** tfjs asks for this feature by a list within the list, which only browsers read as a name. */
const hiddenFeature = 'bgra8unorm-storage'

function restrictedAdapter(adapter: GPUAdapter): GPUAdapter {
  const features = new Set([...adapter.features].filter((name) => name !== hiddenFeature))
  return new Proxy(adapter, {
    get(target, name) {
      if (name === 'features') return features
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
