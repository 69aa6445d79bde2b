/** The file of measurements: what is wrong with it, and what several processes do to it at once. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { cacheRoot } from '../../scripts/adapter/cache.mjs'
import { nodeArguments, ROOT } from '../../scripts/launch.mjs'
import { type CachedKernel, readCache, type TuningCache, updateCache } from '../../src/tuning/cache-file.js'
import { tuningCachePath } from '../../src/tuning/location.js'
import { withLock } from '../../src/tuning/lock.js'

const folder = mkdtempSync(join(tmpdir(), 'voxgrad-tuning-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newPath = () => join(folder, `${files++}`, 'tuning.json')

const entry = (source: string): Record<string, CachedKernel> => ({
  matmul: { source, buckets: { large: { preferred: ['fast'], medianMs: { fast: 1 }, date: '2026-11-22' } } },
})

/** Stores one device, and gives its warnings. */
async function store(path: string, device = 'a device') {
  const warnings: string[] = []
  const add = ({ devices }: TuningCache) => {
    devices[device] = entry('1')
  }
  const stored = await updateCache(path, add, (warning) => warnings.push(warning))
  return { stored, warnings }
}

function read(path: string) {
  const warnings: string[] = []
  const { devices } = readCache(path, (warning) => warnings.push(warning))
  return { devices, warnings }
}

describe('the place of the cache', () => {
  it('is the folder of the software adapters', () => {
    for (const env of [{ VOXGRAD_CACHE: '/a' }, { XDG_CACHE_HOME: '/b' }, {}] as NodeJS.ProcessEnv[]) {
      expect(tuningCachePath(env)).toBe(join(cacheRoot(env), 'tuning.json'))
    }
    expect(tuningCachePath({ VOXGRAD_TUNER_CACHE: '/c/mine.json', VOXGRAD_CACHE: '/a' })).toBe('/c/mine.json')
  })
})

describe('the cache file', () => {
  it('is made with its folder, and gives back what was stored', async () => {
    const path = newPath()
    expect(read(path)).toEqual({ devices: {}, warnings: [] })
    expect(await store(path)).toEqual({ stored: true, warnings: [] })
    expect(await store(path, 'another')).toEqual({ stored: true, warnings: [] })
    expect(read(path)).toEqual({ devices: { 'a device': entry('1'), another: entry('1') }, warnings: [] })
    expect(readdirSync(join(path, '..'))).toEqual(['tuning.json'])
  })

  it.each([
    ['cut off', (text: string) => text.slice(0, -10)],
    ['empty', () => ''],
    ['of the wrong shape', () => JSON.stringify({ format: 'voxgrad tuning', version: 1, devices: { a: { b: 3 } } })],
    ['something else', () => '[1, 2, 3]'],
  ])('is set aside when it is %s, with a warning that names both files', async (_, damage) => {
    const path = newPath()
    await store(path)
    const damaged = damage(readFileSync(path, 'utf8'))
    writeFileSync(path, damaged)
    const { devices, warnings } = read(path)
    expect(devices).toEqual({})
    const [aside] = readdirSync(join(path, '..'))
    expect(readFileSync(join(path, '..', aside!), 'utf8')).toBe(damaged)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(`${path} is damaged`)
    expect(warnings[0]).toContain(join(path, '..', aside!))
    expect(read(path).warnings).toEqual([])
    expect(await store(path)).toEqual({ stored: true, warnings: [] })
  })

  it('of another version is ignored by readers, and set aside by writers', async () => {
    const path = newPath()
    await store(path)
    const newer = JSON.stringify({ format: 'voxgrad tuning', version: 2, devices: [] })
    writeFileSync(path, newer)
    expect(read(path).warnings).toEqual([expect.stringContaining('of format version 2')])
    expect(readFileSync(path, 'utf8')).toBe(newer)
    const { stored, warnings } = await store(path)
    expect(stored).toBe(true)
    expect(warnings).toEqual([expect.stringMatching(/format version 2.*set aside/)])
    expect(read(path)).toEqual({ devices: { 'a device': entry('1') }, warnings: [] })
  })

  it('that cannot be read or written is a warning, not a failure', async () => {
    const file = newPath()
    await store(file)
    const below = join(file, 'tuning.json')
    expect(read(below)).toEqual({ devices: {}, warnings: [expect.stringContaining(`cannot read ${below}`)] })
    expect(await store(below)).toEqual({ stored: false, warnings: [expect.stringContaining(below)] })
    const directory = join(file, '..')
    expect(read(directory).warnings).toEqual([expect.stringContaining(`cannot read ${directory}`)])
  })

  it('keeps every entry of processes that write at the same time, one of which is killed', async () => {
    const path = newPath()
    const counts = [12, 12, 12]
    const victim = writer(path, 'victim', 1_000_000)
    const done = await Promise.all(counts.map((count, i) => writer(path, `process ${i}`, count).ended))
    victim.kill()
    await victim.ended
    expect(done).toEqual(counts.map(() => 0))
    const { devices, warnings } = read(path)
    expect(warnings).toEqual([])
    for (const [i, count] of counts.entries()) {
      expect(Object.keys(devices[`process ${i}`]!)).toHaveLength(count)
    }
    // Whatever the killed one left behind is in nobody's way.
    expect((await store(path)).stored).toBe(true)
    expect(Object.keys(read(path).devices)).toEqual(expect.arrayContaining(['a device', 'process 0', 'process 2']))
  })
})

/** A process that stores kernels of a device one by one. */
function writer(path: string, device: string, count: number) {
  const script = fileURLToPath(new URL('./cache-writer.ts', import.meta.url))
  const child = spawn(process.execPath, [...nodeArguments(script), path, device, String(count)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') },
  })
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  return { ended, kill: () => child.kill('SIGKILL') }
}

describe('the lock', () => {
  it('lets one in at a time', async () => {
    const lock = join(folder, 'lock')
    let inside = 0
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        withLock(lock, () => {
          expect(inside++).toBe(0)
          order.push(i)
          inside--
        }),
      ),
    )
    expect(order.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(existsSync(lock)).toBe(false)
  })

  it('is free again when what ran under it throws', async () => {
    const lock = join(folder, 'thrown')
    const fail = withLock(lock, () => {
      throw new RangeError('no')
    })
    await expect(fail).rejects.toThrow(RangeError)
    expect(await withLock(lock, () => 7)).toBe(7)
  })

  it('of a process that is gone is removed', async () => {
    const lock = join(folder, 'orphan')
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await new Promise((resolve) => child.on('exit', resolve))
    writeFileSync(lock, JSON.stringify({ pid: child.pid, host: hostname(), token: 'x' }))
    expect(await withLock(lock, () => 7)).toBe(7)
  })

  it('that is old is removed, whoever held it, even if its removal was interrupted once', async () => {
    const lock = join(folder, 'old')
    for (const path of [lock, `${lock}.break`]) {
      writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere', token: 'x' }))
      const longAgo = Date.now() / 1000 - 3600
      utimesSync(path, longAgo, longAgo)
    }
    expect(await withLock(lock, () => 7)).toBe(7)
    expect(existsSync(`${lock}.break`)).toBe(false)
  })
})
