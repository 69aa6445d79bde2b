import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { staleness } from '../../scripts/dependencies.mjs'

const script = fileURLToPath(new URL('../../scripts/run.mjs', import.meta.url))
const env = { ...process.env, VOXGRAD_ADAPTER: 'none', VOXGRAD_ADAPTER_READY: '' }

describe('run.mjs', () => {
  let folder: string
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'voxgrad-run-')))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'kernel.wgsl'), '// text')
    writeFileSync(
      join(folder, 'main.ts'),
      "import source from './kernel.wgsl'\nconst code: number = Number(process.argv[2])\nconsole.log(source, process.argv.slice(2), process.cwd())\nprocess.exit(code)\n",
    )
    writeFileSync(
      join(folder, 'wait.ts'),
      "process.on('SIGTERM', () => process.exit(7))\nsetInterval(() => {}, 1000)\nconsole.log('up')\n",
    )
    writeFileSync(join(folder, 'die.ts'), "process.kill(process.pid, 'SIGKILL')\n")
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const run = (args: string[], more = {}) =>
    spawnSync(process.execPath, [script, ...args], { cwd: folder, env: { ...env, ...more }, encoding: 'utf8' })

  it('runs TypeScript and WGSL from source, in the folder of the caller, and passes arguments and exit status', () => {
    const { stdout, stderr, status } = run(['main.ts', '3', '--flag'])
    expect(stderr).toBe('')
    expect(stdout).toBe(`// text [ '3', '--flag' ] ${folder}\n`)
    expect(status).toBe(3)
  })

  it('runs a program of node_modules by its name', () => {
    expect(run(['tsc', '--version']).stdout).toMatch(/^Version /)
  })

  it.each([
    [[], {}, /usage:/],
    [['nonesuch'], {}, /nonesuch is neither/],
    [['main.ts'], { VOXGRAD_ADAPTER: 'cuda' }, /VOXGRAD_ADAPTER=cuda is none of/],
  ])('refuses %j with %j in one line', (args, more, message) => {
    const { stderr, status } = run(args, more)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(status).toBe(1)
  })

  it.skipIf(process.platform === 'win32')('passes signals on, and dies as its child dies', async () => {
    const child = spawn(process.execPath, [script, 'wait.ts'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
    expect(run(['die.ts']).signal).toBe('SIGKILL')
  })
})

describe('staleness', () => {
  const entry = (version: string) => ({ version, integrity: `sha512-${version}` })
  const lock = (packages: object) => ({ packages })
  const wanted = lock({
    '': {},
    'node_modules/a': entry('1.0.0'),
    'node_modules/b': { ...entry('1.0.0'), optional: true },
  })

  it('is null for the same packages, also without those of other systems', () => {
    expect(staleness(wanted, lock({ 'node_modules/a': entry('1.0.0') }))).toBeNull()
    expect(staleness(null, null)).toBeNull()
  })

  it.each([
    [null, 'node_modules is missing'],
    [lock({}), 'node_modules/a is missing'],
    [lock({ 'node_modules/a': entry('2.0.0') }), 'node_modules/a is not 1.0.0'],
    [
      lock({ 'node_modules/a': entry('1.0.0'), 'node_modules/c': entry('1.0.0') }),
      'node_modules/c is not in the lock file',
    ],
  ])('says what differs: %j', (installed, reason) => {
    expect(staleness(wanted, installed)).toContain(reason)
  })
})
