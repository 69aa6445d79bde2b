// The checkout as plain JavaScript: the same tree, file by file, so that what finds its parts by their place (kernel folders,
// golden cases, the peers' Python) finds them in the bundle, too. Types go, shaders stay as they are for our own loader hook.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { readJson } from '../adapter/cache.mjs'

/** What the bundle runs, and all that it needs beside packages. */
const FOLDERS = ['src', 'bench', 'test/golden']
const SCRIPTS = ['wgsl-loader.mjs', 'wgsl-module.mjs', 'wgsl-register.mjs', 'adapter/probe-child.mjs', 'bundle/server']
/** Of a package, what runs; its licence goes with it. */
const PACKAGE_FILES = /\.([cm]?js|json|wasm)$|(^|\/)licen[cs]e[^/]*$/i
const SPECIFIER = /^(?:import|export)\b[^'"]*?from\s*["']([^"'.][^"']*)["']|\bimport\(["']([^"'.][^"']*)["']\)/gm

/**
 * @param {string} root the checkout
 * @param {string} target a folder that is made
 * @param {{ commit: string }} origin commit: of the checkout, which is no longer one where the bundle runs
 * @returns {Promise<string[]>} the packages that went along
 */
export async function buildApplication(root, target, { commit }) {
  const packages = new Set(['webgpu']) // loaded by a variable
  for (const folder of FOLDERS) {
    for (const name of filesBelow(join(root, folder))) {
      const source = join(root, folder, name)
      const place = join(target, folder, name)
      if (!name.endsWith('.ts')) copy(source, place)
      else if (!/\.(test|d)\.ts$/.test(name)) {
        const code = await javascript(readFileSync(source, 'utf8'), source)
        for (const used of importedPackages(code)) packages.add(used)
        write(place.replace(/\.ts$/, '.js'), code)
      }
    }
  }
  for (const name of SCRIPTS) cpSync(join(root, 'scripts', name), join(target, 'scripts', name), { recursive: true })
  const { name, version, type } = readJson(join(root, 'package.json'))
  write(join(target, 'package.json'), `${JSON.stringify({ name, version, type, gitHead: commit }, null, 2)}\n`)
  return copyPackages(root, join(target, 'node_modules'), packages)
}

/**
 * @param {string} source TypeScript
 * @param {string} path for messages
 */
export async function javascript(source, path) {
  const options = { loader: /** @type {const} */ ('ts'), format: /** @type {const} */ ('esm'), target: 'node20' }
  const { code } = await transform(source, { ...options, sourcefile: path })
  return code
}

/**
 * The packages that a module imports by name.
 * @param {string} code JavaScript
 * @returns {string[]}
 */
export function importedPackages(code) {
  const specifiers = [...code.matchAll(SPECIFIER)].map(([, from, dynamic]) => from ?? dynamic ?? '')
  const names = specifiers.filter((specifier) => !specifier.startsWith('node:')).map(packageOf)
  return [...new Set(names)]
}

/** @param {string} specifier such as `zod/v4` or `@scope/name/part` */
function packageOf(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/**
 * Copies packages with those they depend on, as the lock file has them.
 * @param {string} root
 * @param {string} target the new node_modules
 * @param {Iterable<string>} names
 */
function copyPackages(root, target, names) {
  const lock = readJson(join(root, 'package-lock.json'))
  const copied = new Set()
  const queue = [...names]
  for (let name = queue.shift(); name; name = queue.shift()) {
    if (copied.has(name)) continue
    copied.add(name)
    const entry = lock.packages[`node_modules/${name}`]
    if (!entry) throw new Error(`the sources import ${name}, which package-lock.json does not have at the top`)
    const folder = join(root, 'node_modules', name)
    if (name === 'webgpu') copyWebgpu(folder, join(target, name))
    else {
      for (const file of filesBelow(folder).filter((path) => PACKAGE_FILES.test(path)))
        copy(join(folder, file), join(target, name, file))
      queue.push(...Object.keys(entry.dependencies ?? {}))
    }
  }
  return [...copied].sort()
}

/**
 * Dawn for one system of five. Its own dependencies are those of its build.
 * @param {string} folder
 * @param {string} target
 */
function copyWebgpu(folder, target) {
  for (const file of ['package.json', 'index.js', 'LICENSE.md', 'dist/linux-x64/dawn.node'])
    copy(join(folder, file), join(target, file))
}

/**
 * Paths relative to the folder, sorted; what npm installed below it is left out.
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  if (!existsSync(folder)) throw new Error(`${folder} is missing`)
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.split('/').includes('node_modules'))
    .sort()
}

/** @param {string} source @param {string} target */
function copy(source, target) {
  mkdirSync(dirname(target), { recursive: true })
  cpSync(source, target)
}

/** @param {string} path @param {string} content */
function write(path, content) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** The checkout this script belongs to. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
