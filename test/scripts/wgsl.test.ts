import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { build } from '../../scripts/build.mjs'
import { wgslPlugin } from '../../scripts/wgsl-module.mjs'

/** What a careless conversion would break. */
const shader = '// ` $' + '{ \\n "quoted" \u2028 ×\n@compute @workgroup_size(1) fn main() {}\n'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'voxgrad-wgsl-')))
})
afterEach(() => rmSync(root, { recursive: true }))

function write(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}

/** Runs a program of `root` in Node. */
function node(...args: string[]) {
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
}

describe('the loader hook', () => {
  it('gives the text of a .wgsl file as the default export', () => {
    write({
      'kernel.wgsl': shader,
      'main.mjs':
        "import a from './kernel.wgsl'\nconst b = await import('./kernel.wgsl?again')\nprocess.stdout.write(JSON.stringify([a, b.default]))",
    })
    const register = new URL('../../scripts/wgsl-register.mjs', import.meta.url).href
    const { stdout, stderr } = node('--import', register, 'main.mjs')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([shader, shader])
  })
})

describe('the vitest plugin', () => {
  it('transforms .wgsl and nothing else', () => {
    const { transform } = wgslPlugin()
    expect(transform(shader, '/a/b.wgsl?v=1')?.code).toMatch(/^export default "/)
    expect(transform('', '/a/b.wgsl.ts')).toBeNull()
  })
})

describe('build', () => {
  const project = {
    'package.json': '{"type":"module"}',
    'tsconfig.build.json': JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        module: 'NodeNext',
        rootDir: 'src',
        outDir: 'dist',
        declaration: true,
        types: [],
        skipLibCheck: true,
      },
      include: ['src'],
    }),
    'src/wgsl.d.ts': "declare module '*.wgsl' {\n  const source: string\n  export default source\n}\n",
    'src/kernels/a.wgsl': shader,
    'src/kernels/index.ts':
      "import './a.wgsl'\nimport a from './a.wgsl'\nexport { default as again } from \"./a.wgsl\"\nexport default a\n",
    'src/main.ts':
      "import a, { again } from './kernels/index.js'\nconst text = 'stays ./a.wgsl'\nconst { default: late } = await import('./kernels/a.wgsl')\nexport default [a, again, late, text]\n",
  }

  it('turns shaders into modules that Node can import, and forgets the last build', () => {
    write({ ...project, 'dist/stale.js': '' })
    build(root)
    const program = `import all from ${JSON.stringify(pathToFileURL(join(root, 'dist', 'main.js')).href)}\nprocess.stdout.write(JSON.stringify(all))`
    const { stdout, stderr } = node('--input-type=module', '--eval', program)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([shader, shader, shader, 'stays ./a.wgsl'])
    expect(readFileSync(join(root, 'dist/kernels/index.d.ts'), 'utf8')).toContain('"./a.wgsl.js"')
    expect(() => readFileSync(join(root, 'dist/stale.js'))).toThrow('ENOENT')
  })

  it('says which import has no shader, and what tsc found', () => {
    write({
      ...project,
      'src/kernels/index.ts': "import b from './b.wgsl'\nexport const again = b\nexport default b\n",
    })
    expect(() => build(root)).toThrow(/index\.(d\.ts|js) imports \.\/b\.wgsl, which src\/ does not have/)
    write({ 'src/main.ts': 'export const x: string = 1\n' })
    expect(() => build(root)).toThrow(/src\/main\.ts\(1,14\): error TS2322/)
  })
})
