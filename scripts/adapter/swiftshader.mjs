// SwiftShader: Vulkan on the CPU for systems without apt. Slower than lavapipe, and without f16 and subgroup matrices.
// @sparticuz/chromium carries it, and a Vulkan loader, in its npm package; the browser around it is thrown away.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { installOnce, readMarker, softwareAdapterFolder } from './cache.mjs'
import { npm } from './npm.mjs'
import { probe } from './probe.mjs'
import { readTar } from './tar.mjs'

const PACKAGE = '@sparticuz/chromium'
const VERSION = '153.0.0'
const MEMBER = 'package/bin/swiftshader.tar.br'
const WANTED = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json']

/** @typedef {import('./lavapipe.mjs').SoftwareAdapter} SoftwareAdapter */

function folder() {
  return softwareAdapterFolder(`swiftshader-${process.arch}`)
}

/**
 * @param {string} prefix
 * @returns {Record<string, string>}
 */
function environment(prefix) {
  const libraries = [prefix, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  return {
    VK_DRIVER_FILES: join(prefix, 'vk_swiftshader_icd.json'),
    VK_LOADER_LAYERS_DISABLE: '~implicit~',
    LD_LIBRARY_PATH: libraries,
  }
}

/**
 * SwiftShader as our cache has it, or null.
 * @param {string} node
 * @returns {SoftwareAdapter | null}
 */
export function findSwiftShader(node) {
  const marker = readMarker(folder())
  const complete = marker && WANTED.every((name) => existsSync(join(folder(), name)))
  return complete ? { node, env: environment(folder()), description: marker.description } : null
}

/** Why SwiftShader cannot be installed here, or null. */
export function swiftShaderObstacle() {
  if (process.platform !== 'linux') return 'only for Linux'
  return process.arch === 'x64' ? null : `${PACKAGE} has it for x64, this is ${process.arch}`
}

/**
 * Installs SwiftShader into the cache: 70 MB to download, of which 7 MB stay.
 * @param {string} node
 * @returns {Promise<SoftwareAdapter>}
 */
export async function installSwiftShader(node) {
  const { description } = await installOnce(folder(), (staging) => build(staging, node))
  return { node, env: environment(folder()), description }
}

/**
 * @param {string} prefix
 * @param {string} node
 */
async function build(prefix, node) {
  const downloads = join(prefix, 'download')
  mkdirSync(downloads)
  // A cache of its own: npm's would keep the 70 MB for good.
  const options = [
    '--ignore-scripts',
    '--loglevel=error',
    '--pack-destination',
    downloads,
    '--cache',
    join(downloads, 'cache'),
  ]
  const packed = await npm(['pack', `${PACKAGE}@${VERSION}`, ...options], downloads)
  if (!packed.ok) throw new Error(`npm pack ${PACKAGE}@${VERSION}: ${packed.reason}`)
  const tarball = readdirSync(downloads).find((name) => name.endsWith('.tgz'))
  if (!tarball) throw new Error(`npm pack ${PACKAGE}@${VERSION} left no tarball`)
  unpack(readFileSync(join(downloads, tarball)), prefix)
  rmSync(downloads, { recursive: true })

  const { adapter, reason } = await probe(node, environment(prefix), { compute: true })
  if (!adapter) throw new Error(`SwiftShader was unpacked but does not work: ${reason}`)
  return { version: VERSION, description: adapter.description }
}

/**
 * @param {Uint8Array} tarball
 * @param {string} prefix
 */
function unpack(tarball, prefix) {
  const member = [...readTar(gunzipSync(tarball))].find(({ name }) => name === MEMBER)
  if (!member) throw new Error(`${PACKAGE}@${VERSION} has no ${MEMBER}`)
  const found = [...readTar(brotliDecompressSync(member.data))].filter(({ name }) => WANTED.includes(basename(name)))
  if (found.length !== WANTED.length)
    throw new Error(`${MEMBER} of ${PACKAGE}@${VERSION} lacks one of ${WANTED.join(', ')}`)
  for (const { name, mode, data } of found) writeFileSync(join(prefix, basename(name)), data, { mode })
}
