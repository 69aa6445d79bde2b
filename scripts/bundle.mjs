// npm run bundle: one archive that runs the throughput suite and the golden cases on a Linux server with a GPU and no network.
//
// It holds this machine's `node`, the checkout as JavaScript with the packages it needs, Dawn, a Vulkan loader, and run.sh.

import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { onPath } from './adapter/exec.mjs'
import { plainNode } from './adapter/nested.mjs'
import { buildApplication, ROOT } from './bundle/application.mjs'
import { compress, tarOf } from './bundle/archive.mjs'
import { compareVersions, findLoader, neededGlibc, OLDEST_GLIBC } from './bundle/vulkan-loader.mjs'

const NAME = 'voxgrad-bench'
const LIMIT_BYTES = 60e6

/** @param {string} line */
const say = (line) => process.stdout.write(`${line}\n`)
const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1)

/**
 * The `node` to take along: the machine's own, not the copy that is patched for a software adapter.
 * @param {string} target
 */
function copyNode(target) {
  const source = realpathSync(plainNode())
  const glibc = neededGlibc(readFileSync(source))
  if (compareVersions(glibc, OLDEST_GLIBC) > 0)
    say(`this node needs glibc ${glibc}; nodejs.org's builds run with ${OLDEST_GLIBC} and older`)
  cpSync(source, target)
  // Symbol tables are a tenth of it. A node that does not start without them keeps them.
  if (onPath('strip')) spawnSync('strip', [target])
  if (spawnSync(target, ['--version']).status !== 0) cpSync(source, target)
  chmodSync(target, 0o755)
}

/** The commit with a word on what is not in it. */
function commitOfCheckout() {
  const git = (/** @type {string[]} */ ...args) =>
    spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' }).stdout?.trim()
  const commit = git('rev-parse', 'HEAD')
  return commit ? `${commit}${git('status', '--porcelain') ? '-dirty' : ''}` : 'unknown'
}

/** Of the commit, so that the same checkout gives the same archive. */
function dateOfCheckout() {
  const { stdout } = spawnSync('git', ['-C', ROOT, 'log', '-1', '--format=%ct'], { encoding: 'utf8' })
  return stdout?.trim() ? new Date(1000 * Number(stdout)) : new Date()
}

async function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `the bundle carries this machine's node and is for Linux on x64; this is ${process.platform} on ${process.arch}`,
    )
  const out = join(ROOT, 'out')
  const staging = join(out, NAME)
  rmSync(staging, { recursive: true, force: true })
  mkdirSync(join(staging, 'lib'), { recursive: true })

  copyNode(join(staging, 'node'))
  const packages = await buildApplication(ROOT, join(staging, 'app'), { commit: commitOfCheckout() })
  say(`packages: ${packages.join(', ')}`)
  const loader = await findLoader(plainNode(), say)
  say(`Vulkan loader: from ${loader.origin}, glibc ${loader.glibc}`)
  writeFileSync(join(staging, 'lib', 'libvulkan.so.1'), loader.data, { mode: 0o755 })
  cpSync(new URL('./bundle/run.sh', import.meta.url), join(staging, 'run.sh'))
  cpSync(join(ROOT, 'LICENSE'), join(staging, 'LICENSE'))

  const tar = tarOf(staging, NAME, dateOfCheckout())
  rmSync(staging, { recursive: true })
  const { data, suffix } = await compress(tar, LIMIT_BYTES)
  const path = join(out, `${NAME}-linux-x64.tar.${suffix}`)
  writeFileSync(path, data)
  say(`${relative(process.cwd(), path)}: ${megabytes(data.length)} MB`)
  if (data.length > LIMIT_BYTES) throw new Error(`that is more than ${megabytes(LIMIT_BYTES)} MB`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bundle: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
