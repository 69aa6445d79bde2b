// npm run build: src/ to dist/. tsc does the TypeScript; what it does not know is .wgsl, which becomes `x.wgsl.js` beside its users.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { wgslModule } from './wgsl-module.mjs'

const DECLARATION = 'declare const source: string\nexport default source\n'
/** `from './x.wgsl'`, `import './x.wgsl'` and `import('./x.wgsl')`. */
const SPECIFIER = /(\b(?:from|import)\s*\(?\s*)(['"])([^'"\n]+\.wgsl)\2/g

/**
 * @param {string} root the folder that has src/ and tsconfig.build.json
 * @throws {Error} what is wrong, readable as it is
 */
export function build(root) {
  const src = join(root, 'src')
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  compile(root)
  const shaders = filesBelow(src, '.wgsl').map((path) => relative(src, path))
  for (const shader of shaders) {
    const target = join(dist, shader)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(`${target}.js`, wgslModule(readFileSync(join(src, shader), 'utf8')))
    writeFileSync(`${target}.d.ts`, DECLARATION)
  }
  const known = new Set(shaders.map((shader) => join(dist, shader)))
  for (const file of [...filesBelow(dist, '.js'), ...filesBelow(dist, '.d.ts')]) {
    const code = readFileSync(file, 'utf8')
    const rewritten = code.replace(SPECIFIER, (_, before, quote, specifier) => {
      if (!known.has(resolve(dirname(file), specifier)))
        throw new Error(`${relative(root, file)} imports ${specifier}, which src/ does not have`)
      return `${before}${quote}${specifier}.js${quote}`
    })
    if (rewritten !== code) writeFileSync(file, rewritten)
  }
}

/** @param {string} root */
function compile(root) {
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [tsc, '--project', 'tsconfig.build.json', '--noEmitOnError', 'true'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`tsc found errors:\n${stdout}${stderr}`)
}

/**
 * @param {string} folder
 * @param {string} suffix
 */
function filesBelow(folder, suffix) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith(suffix)).map((name) => join(folder, name))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    build(fileURLToPath(new URL('..', import.meta.url)))
  } catch (error) {
    process.stderr.write(`build: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}
