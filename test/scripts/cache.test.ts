import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { cacheRoot, installOnce, readMarker, writeJson } from '../../scripts/adapter/cache.mjs'

let parent: string
let folder: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'voxgrad-cache-'))
  folder = join(parent, 'driver')
})
afterEach(() => rmSync(parent, { recursive: true }))

const facts = { version: '26.1', description: 'a driver' }
const fill =
  (content: string, waitMs = 0) =>
  async (staging: string) => {
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    writeFileSync(join(staging, 'library'), content)
    return facts
  }
const content = () => readFileSync(join(folder, 'library'), 'utf8')
const never = () => Promise.reject(new Error('built again'))

it('installs, marks with version and date, and does not install again', async () => {
  expect(readMarker(folder)).toBeNull()
  const marker = await installOnce(folder, fill('one'))
  expect(marker).toMatchObject(facts)
  expect(Date.now() - Date.parse(marker.date)).toBeLessThan(60_000)
  expect(readMarker(folder)).toEqual(marker)
  expect(await installOnce(folder, never)).toEqual(marker)
  expect(readdirSync(parent)).toEqual(['driver'])
})

it('makes a half-made install again', async () => {
  mkdirSync(join(folder, 'usr'), { recursive: true })
  writeFileSync(join(folder, 'usr', 'torn'), '')
  await installOnce(folder, fill('whole'))
  expect(content()).toBe('whole')
  expect(existsSync(join(folder, 'usr'))).toBe(false)
})

it.each([
  ['a torn marker', '{"layout":'],
  ['a marker of another layout', '{"layout":0,"version":"1"}'],
])('makes an install with %s again', async (_, text) => {
  mkdirSync(folder)
  writeFileSync(join(folder, 'ready.json'), text)
  expect(readMarker(folder)).toBeNull()
  await installOnce(folder, fill('new'))
  expect(content()).toBe('new')
})

it('leaves nothing behind when the build fails', async () => {
  await expect(installOnce(folder, never)).rejects.toThrow('built again')
  expect(readdirSync(parent)).toEqual([])
})

it('of two at once the first wins, and both agree', async () => {
  const [slow, quick] = await Promise.all([
    installOnce(folder, fill('slow', 60)),
    installOnce(folder, fill('quick', 5)),
  ])
  expect(content()).toBe('quick')
  expect(slow).toEqual(quick)
  expect(readdirSync(parent)).toEqual(['driver'])
})

it('removes the staging folders of processes killed long ago, and no others', async () => {
  const old = `.staging-${Date.now() - 2 * 3_600_000}-driver-abc`
  const recent = `.staging-${Date.now() - 1000}-driver-def`
  mkdirSync(join(parent, old))
  mkdirSync(join(parent, recent))
  await installOnce(folder, fill('x'))
  expect(readdirSync(parent).sort()).toEqual([recent, 'driver'])
})

it('writeJson leaves no temporary file', () => {
  writeJson(join(parent, 'new', 'a.json'), { a: 1 })
  expect(readdirSync(join(parent, 'new'))).toEqual(['a.json'])
})

it.each([
  [{ VOXGRAD_CACHE: '/v', XDG_CACHE_HOME: '/x' }, /^\/v$/],
  [{ XDG_CACHE_HOME: '/x' }, /^\/x.voxgrad$/],
  [{ XDG_CACHE_HOME: '' }, /\.cache.voxgrad$/],
])('cacheRoot of %j', (env, expected) => {
  expect(cacheRoot(env)).toMatch(expected)
})
