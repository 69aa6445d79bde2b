/** The header of a run: everything that a figure depends on and that a reader of it cannot know. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, release, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Device } from '../src/engine/index.js'
import { type Header, type Probe, schemaVersion } from './schema.js'
import type { Session } from './session.js'

const root = fileURLToPath(new URL('../', import.meta.url))

export function describeRun({ device, method, quick }: Session, probes: readonly Probe[]): Header {
  const { adapter, software, subgroupMatrixConfigs } = device.capabilities
  const { version, gitHead } = packageOfCheckout()
  const { commit, dirty } = checkout(gitHead)
  return {
    schema: schemaVersion,
    kind: 'header',
    date: new Date().toISOString(),
    commit,
    dirty,
    version,
    webgpu: packageVersion('webgpu'),
    node: process.version,
    os: `${type()} ${release()} ${process.arch}`,
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} threads`,
    adapter: { ...adapter },
    software,
    driver: driverOf(adapter.vendor) ?? adapter.description,
    features: [...device.gpu.features].sort(),
    limits: limitsOf(device),
    subgroupMatrixConfigs: subgroupMatrixConfigs.map((config) => ({ ...config })),
    toggles: device.toggles,
    profile: device.profile,
    quick,
    preferences: device.preferences?.describe?.() ?? 'the order of the variants decides',
    method,
    probes: [...probes],
  }
}

function packageOfCheckout(): { version: string; gitHead?: string } {
  return JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string; gitHead?: string }
}

/** Git's word on the checkout; outside of one, the `gitHead` that packing writes into package.json. */
function checkout(gitHead: string | undefined): { commit: string; dirty: boolean | null } {
  const commit = tryRun('git', ['-C', root, 'rev-parse', 'HEAD'])
  if (!commit) return { commit: gitHead ?? 'unknown', dirty: null }
  return { commit, dirty: tryRun('git', ['-C', root, 'status', '--porcelain']) !== '' }
}

/** The output of a program; undefined where it is missing or refuses. */
function tryRun(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    }).trim()
  } catch {
    // Neither git nor a vendor's tool is a precondition of measuring.
    return undefined
  }
}

/** Driver, clock and power limit as the vendor's tool tells them. */
function driverOf(vendor: string): string | undefined {
  if (!/nvidia/i.test(vendor)) return undefined
  const query = 'name,driver_version,clocks.max.sm,clocks.max.memory,power.limit'
  return tryRun('nvidia-smi', [`--query-gpu=${query}`, '--format=csv,noheader'])?.split('\n')[0]
}

function packageVersion(name: string): string {
  try {
    return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version
  } catch {
    return 'unknown'
  }
}

function limitsOf({ gpu }: Device): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const name in gpu.limits) {
    const value = (gpu.limits as unknown as Record<string, unknown>)[name]
    if (typeof value === 'number') limits[name] = value
  }
  return limits
}
