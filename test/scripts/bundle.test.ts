import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readTar } from '../../scripts/adapter/tar.mjs'
import { buildApplication, importedPackages, javascript, ROOT } from '../../scripts/bundle/application.mjs'
import { compress, tarOf } from '../../scripts/bundle/archive.mjs'
import { candidates } from '../../scripts/bundle/server/drivers.mjs'
import { parseArguments, stepsOf } from '../../scripts/bundle/server/steps.mjs'
import { compareVersions, neededGlibc } from '../../scripts/bundle/vulkan-loader.mjs'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'voxgrad-bundle-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(path: string, content = '', mode = 0o644) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content, { mode })
}

describe('the archive', () => {
  const date = new Date('2026-01-02T03:04:05Z')

  it('holds every file with its mode, long paths too', async () => {
    const deep = `${'folder-of-some-length/'.repeat(6)}file.txt`
    write('run.sh', '#!/bin/sh\n', 0o755)
    write('empty')
    write('block', 'x'.repeat(512))
    write(deep, 'deep')
    const { data, suffix } = await compress(tarOf(root, 'name', date), Number.POSITIVE_INFINITY)
    expect(suffix).toBe('gz')
    const files = [...readTar(gunzipSync(data))].map((file) => [file.name, file.mode, file.data.length])
    expect(files).toEqual([
      ['name/block', 0o644, 512],
      ['name/empty', 0o644, 0],
      [`name/${deep}`, 0o644, 4],
      ['name/run.sh', 0o755, 10],
    ])
  })

  it('is the same for the same content, and refuses paths that tar has no room for', () => {
    write('a', '1')
    expect(tarOf(root, 'name', date)).toEqual(tarOf(root, 'name', date))
    write('b'.repeat(120))
    expect(() => tarOf(root, 'name', date)).toThrow('too long a path')
  })
})

describe('the C library that a program needs', () => {
  it('is the newest whose symbols it names', () => {
    const program = Buffer.from('\0GLIBC_2.9\0GLIBC_2.17\0x\0GLIBC_2.2.5\0GLIBCXX_3.4.32\0GLIBC_PRIVATE\0', 'latin1')
    expect(neededGlibc(program)).toBe('2.17')
    expect(neededGlibc(Buffer.from('#!/bin/sh'))).toBe('0')
  })

  it('is compared number by number', () => {
    expect(['2.34', '2.9', '3.0', '2.34'].sort(compareVersions)).toEqual(['2.9', '2.34', '2.34', '3.0'])
  })
})

describe('the application', () => {
  it('keeps addresses and late imports as they are, and drops types', async () => {
    const source = [
      "import type { A } from 'typed'",
      "import { b } from '@scope/b/part'",
      "import './c.js'",
      "const late = await import('d')",
      "export * from 'node:fs'",
      'export const place: string = new URL(`./x`, import.meta.url).href',
    ].join('\n')
    const code = await javascript(`${source}\nconsole.log(b, late)`, 'a.ts')
    expect(code).toContain('import.meta.url')
    expect(code).not.toContain(': string')
    expect(importedPackages(code)).toEqual(['@scope/b', 'd'])
  })

  it('runs where nothing but Node is', async () => {
    const app = join(root, 'app')
    const packages = await buildApplication(ROOT, app, { commit: 'abc' })
    expect(packages).toEqual(expect.arrayContaining(['commander', 'webgpu', 'zod']))
    expect(JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))).toMatchObject({
      type: 'module',
      gitHead: 'abc',
    })
    const hook = pathToFileURL(join(app, 'scripts/wgsl-register.mjs')).href
    const main = join(app, 'src/cli/main.js')
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', hook, main, '--version'], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('drivers on a server', () => {
  const places = () => ({ loaderFolder: '/bundle/lib', scratch: root, root })

  it('are taken as the machine has them, with its own Vulkan loader first', () => {
    write('usr/share/vulkan/icd.d/nvidia_icd.json')
    expect(candidates({ ...places(), env: {} })).toEqual([
      { title: 'the registered drivers', env: {} },
      { title: "the registered drivers, with the bundle's Vulkan loader", env: { LD_LIBRARY_PATH: '/bundle/lib' } },
    ])
  })

  it('are left alone where the user has chosen one', () => {
    write('usr/local/nvidia/vulkan/icd.d/nvidia_icd.json')
    const chosen = candidates({ ...places(), env: { VK_DRIVER_FILES: '/x.json', LD_LIBRARY_PATH: '/x' } })
    expect(chosen.map(({ env }) => env)).toEqual([{ LD_LIBRARY_PATH: '/x' }, { LD_LIBRARY_PATH: '/bundle/lib:/x' }])
  })

  it('are found where container runtimes mount them', () => {
    const description = '/usr/local/nvidia/vulkan/icd.d/nvidia_icd.json'
    write(description)
    write('usr/local/nvidia/lib64/libGLX_nvidia.so.0')
    const found = candidates({ ...places(), env: {} }).find(({ title }) => title === description)
    expect(found?.env).toEqual({ VK_DRIVER_FILES: description, LD_LIBRARY_PATH: '/usr/local/nvidia/lib64' })
  })

  it('are described where nobody did', () => {
    write('usr/lib64/libEGL_nvidia.so.0')
    const found = candidates({ ...places(), env: {} }).map(({ env }) => env.VK_DRIVER_FILES)
    const file = join(root, 'libEGL_nvidia.so.0.json')
    expect(found).toEqual([undefined, undefined, file, file])
    expect(JSON.parse(readFileSync(file, 'utf8')).ICD.library_path).toBe('/usr/lib64/libEGL_nvidia.so.0')
  })
})

describe('the arguments of run.sh', () => {
  const folders = { cases: 'cases', results: 'results' }

  it('choose steps, keep their order, and hand the rest to the bench', () => {
    const options = parseArguments(['bench', 'quick', 'doctor', '--', '--filter', 'matmul'])
    const steps = stepsOf(options, folders)
    expect(steps.map(({ output }) => output)).toEqual(['doctor.txt', 'doctor.json', 'bench.txt'])
    expect(steps.at(-1)?.args).toEqual(expect.arrayContaining(['--quick', '--filter', 'matmul']))
    expect(steps.at(-1)?.args).not.toContain('--peers')
  })

  it('run everything when there are none, and refuse what they do not know', () => {
    const outputs = stepsOf(parseArguments([]), folders).map(({ output }) => output)
    expect(outputs).toEqual(['doctor.txt', 'doctor.json', 'golden-safe.txt', 'golden-fast.txt', 'bench.txt'])
    expect(() => parseArguments(['fast'])).toThrow('fast is none of quick, doctor, golden, bench')
  })
})
