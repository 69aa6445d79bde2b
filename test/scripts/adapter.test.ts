import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inheritedAdapter, isCurrent, plainNode, recorded } from '../../scripts/adapter/nested.mjs'
import { remedy } from '../../scripts/adapter/remedy.mjs'
import { CHOICES, ensureAdapter, findAdapter, parseChoice } from '../../scripts/adapter.mjs'

describe('parseChoice', () => {
  it('takes every choice, and auto for nothing', () => {
    expect(CHOICES.map(parseChoice)).toEqual([...CHOICES])
    expect([parseChoice(undefined), parseChoice('')]).toEqual(['auto', 'auto'])
  })

  it('names all choices when it refuses one', () => {
    for (const choice of CHOICES) expect(() => parseChoice('cuda')).toThrow(choice)
    expect(() => parseChoice('cuda')).toThrow('VOXGRAD_ADAPTER=cuda')
  })
})

describe('on a machine with nothing', () => {
  let cache: string
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'voxgrad-adapter-'))
    vi.stubEnv('VOXGRAD_CACHE', cache)
    vi.stubEnv('VOXGRAD_ADAPTER_READY', '') // these tests run with an adapter themselves
    vi.stubEnv('PATH', join(cache, 'no-programs'))
    for (const name of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'npm_execpath']) vi.stubEnv(name, '')
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(cache, { recursive: true })
  })

  it('none asks for nothing', async () => {
    expect(await ensureAdapter({ choice: 'none' })).toMatchObject({ kind: 'none', node: process.execPath, env: {} })
  })

  it.runIf(process.platform === 'linux')('the error names what was looked for and what mends it', async () => {
    const log: string[] = []
    const error = await ensureAdapter({ choice: 'swiftshader', log: (line) => log.push(line) }).catch(String)
    expect(error).toMatch(/no WebGPU adapter.*Looked for:\n {2}- SwiftShader: .+\nWhat mends it: .+/s)
    expect(log.length).toBeLessThanOrEqual(2)
  })

  it.runIf(process.platform === 'linux')('finding downloads nothing, and a half-made install is none', async () => {
    expect(await findAdapter({ choice: 'swiftshader' })).toBeNull()
    mkdirSync(join(cache, 'software-adapter', `swiftshader-${process.arch}`), { recursive: true })
    expect(await findAdapter({ choice: 'swiftshader' })).toBeNull()
  })
})

describe('a program started by a program', () => {
  const adapter = {
    kind: 'lavapipe' as const,
    node: '/cache/node',
    env: { VK_DRIVER_FILES: '/cache/lavapipe.json', EXTRA: '1' },
    description: 'd',
  }
  const outer = { VK_DRIVER_FILES: '/mine.json' }
  const inner = () => ({ ...outer, ...recorded('auto', adapter, outer).env }) as NodeJS.ProcessEnv

  it('has the same adapter without a search', () => {
    const env = inner()
    const inherited = inheritedAdapter('auto', env)
    expect(inherited).toMatchObject({ kind: 'lavapipe', node: '/cache/node' })
    expect({ ...env, ...inherited?.env }).toEqual(env)
    expect(plainNode(env)).toBe(process.execPath)
  })

  it('with another choice begins from the environment before', () => {
    const env = inner()
    expect(inheritedAdapter('swiftshader', env)).toBeNull()
    expect(env).toMatchObject(outer)
    expect(env).not.toHaveProperty('EXTRA')
  })

  it('is told apart from one that has to be started anew', () => {
    expect(isCurrent(adapter, adapter.env)).toBe(false)
    expect(isCurrent({ ...adapter, node: process.execPath }, adapter.env)).toBe(true)
    expect(isCurrent({ ...adapter, node: process.execPath }, {})).toBe(false)
    expect(isCurrent(recorded('auto', { ...adapter, node: process.execPath, env: {} }, {}), {})).toBe(true)
  })
})

describe('remedy', () => {
  const debian = 'PRETTY_NAME="Debian"\nID=debian\n'

  it.each([
    [debian, 'apt-get install libvulkan1'],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get'],
    ['ID="fedora"\n', 'dnf'],
    ['ID=arch\n', 'pacman'],
    ['ID=opensuse-leap\nID_LIKE="suse opensuse"\n', 'zypper'],
    ['ID=unheard\n', 'Vulkan'],
  ])('fits the distribution: %j', (osRelease, expected) => {
    expect(remedy({}, osRelease)).toContain(expected)
  })

  it('is one thing only, the nearest', () => {
    expect(remedy({ loaderMissing: true, downloadable: true }, debian)).toBe('sudo apt-get install libvulkan1')
    expect(remedy({ downloadable: true }, debian)).toContain('voxgrad setup')
    expect(remedy({ gpuOnly: true, downloadable: true }, debian)).toContain('VOXGRAD_ADAPTER')
  })
})
