// What run.sh starts, on the server: finds an environment that gives Dawn an adapter, then runs the steps one by one and keeps
// all they print. Written against nothing but Node, because nothing else is there.

import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { candidates } from './drivers.mjs'
import { parseArguments, stepsOf } from './steps.mjs'

const BUNDLE = fileURLToPath(new URL('../../../../', import.meta.url))
const APP = join(BUNDLE, 'app')
const RESULTS = resolve(process.env.VOXGRAD_RESULTS || join(BUNDLE, 'results'))

/** @param {string} line */
const say = (line) => process.stdout.write(`== ${line}\n`)

/** @typedef {{ description: string, software: boolean }} Adapter */

/**
 * The first environment with a GPU; otherwise the first with any adapter at all.
 * @param {string} scratch
 * @returns {{ env: Record<string, string> | null, lines: string[] }} lines: what was tried
 */
function chooseEnvironment(scratch) {
  const lines = []
  /** @type {Record<string, string> | null} */
  let fallback = null
  for (const { title, env } of candidates({ loaderFolder: join(BUNDLE, 'lib'), scratch })) {
    const { adapter, reason } = probe(env)
    const verdict = adapter ? `${adapter.description}${adapter.software ? ' (runs on the CPU)' : ''}` : reason
    lines.push(`${title}: ${verdict}`)
    say(lines.at(-1) ?? '')
    if (adapter && !adapter.software) return { env, lines }
    if (adapter) fallback ??= env
  }
  return { env: fallback, lines }
}

/**
 * Asks Dawn, in a process of its own: a driver that crashes takes only that along.
 * @param {Record<string, string>} env
 * @returns {{ adapter: Adapter | null, reason: string }}
 */
function probe(env) {
  const child = spawnSync(process.execPath, [join(APP, 'scripts', 'adapter', 'probe-child.mjs'), '--compute'], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 120_000, // a first start of a datacentre driver can take long
  })
  if (child.status !== 0) {
    const said = child.stderr.trim().split('\n').at(-1) || `exit status ${child.status}`
    return { adapter: null, reason: child.signal ? `ended by ${child.signal}` : said }
  }
  const adapter = JSON.parse(child.stdout.trim().split('\n').at(-1) ?? 'null')
  const unloaded = child.stderr.match(/Couldn't load Vulkan: .*/)
  return { adapter, reason: adapter ? '' : (unloaded?.[0] ?? 'no adapter') }
}

/**
 * Runs a step; what it prints goes to the terminal and to a file.
 * @param {import('./steps.mjs').Step} step
 * @param {Record<string, string>} env
 * @returns {Promise<number>} exit status
 */
function run({ title, program, args, output, data }, env) {
  say(title)
  const hook = pathToFileURL(join(APP, 'scripts', 'wgsl-register.mjs')).href
  const file = createWriteStream(join(RESULTS, output))
  const child = spawn(process.execPath, ['--import', hook, join(APP, program), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.pipe(file, { end: false })
  child.stderr.pipe(process.stderr, { end: false })
  if (!data) {
    child.stderr.pipe(file, { end: false })
    child.stdout.pipe(process.stdout, { end: false })
  }
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      if (signal) process.stderr.write(`ended by ${signal}\n`)
      file.end(() => done(code ?? 1))
    })
  })
}

/** @param {string[]} lines how the environment was found @param {Record<string, string>} env */
function describeMachine(lines, env) {
  const smi = spawnSync('nvidia-smi', { encoding: 'utf8' })
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  const parts = [
    `date ${new Date().toISOString()}`,
    `kernel ${release()}, glibc ${report.header.glibcVersionRuntime ?? 'unknown'}, node ${process.version}`,
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    '',
    ...lines,
    '',
    smi.error ? 'no nvidia-smi' : `${smi.stdout}${smi.stderr}`,
  ]
  writeFileSync(join(RESULTS, 'environment.txt'), `${parts.join('\n')}\n`)
}

async function main() {
  const options = parseArguments(process.argv.slice(2))
  mkdirSync(RESULTS, { recursive: true })
  const scratch = mkdtempSync(join(tmpdir(), 'voxgrad-'))
  try {
    const { env, lines } = chooseEnvironment(scratch)
    describeMachine(lines, env ?? {})
    if (!env)
      throw new Error('no WebGPU adapter: is the GPU driver there, with its Vulkan part? (nvidia: libGLX_nvidia.so.0)')
    const summary = []
    for (const step of stepsOf(options, { cases: join(APP, 'test', 'golden', 'cases'), results: RESULTS })) {
      const status = existsSync(join(APP, step.program)) ? await run(step, env) : 1
      summary.push({ step, status })
    }
    say(`results in ${RESULTS}`)
    for (const { step, status } of summary) say(`${status === 0 ? 'ok    ' : 'FAILED'} ${step.title}`)
    return summary.every(({ status }) => status === 0) ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`run.sh: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
