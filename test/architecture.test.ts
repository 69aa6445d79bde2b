/** The house's rules: imports point one way, and what runs in a browser imports nothing of Node. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** Which folders each folder may import, besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  numeric: [],
  engine: ['numeric'],
  kernels: ['engine', 'numeric'],
  data: ['numeric'],
  models: ['kernels', 'engine', 'data', 'numeric'],
  train: ['models', 'kernels', 'engine', 'data', 'numeric'],
  search: ['models', 'kernels', 'engine', 'data', 'numeric'],
  tuning: ['models', 'kernels', 'engine', 'numeric'],
  inference: ['tuning', 'models', 'kernels', 'engine', 'data', 'numeric'],
  cli: ['inference', 'tuning', 'search', 'train', 'models', 'kernels', 'engine', 'data', 'numeric'],
}

/** These run in a browser as they are. */
const portable = new Set(['numeric', 'engine', 'kernels', 'models'])

interface Import {
  readonly file: string
  readonly folder: string
  readonly specifier: string
  readonly typeOnly: boolean
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ts$/.test(file))

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8')
  const pattern = /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm
  return [...text.matchAll(pattern)].map(([, type, from, bare, dynamic]) => ({
    file,
    folder: file.includes('/') ? file.split('/')[0]! : 'root',
    specifier: (from ?? bare ?? dynamic)!,
    typeOnly: type !== undefined,
  }))
})

const targetOf = ({ file, specifier }: Import): string =>
  relative(source, resolve(source, dirname(file), specifier)).split('/')[0]!

describe('the house', () => {
  it('imports one way', () => {
    const wrong = imports.filter((entry) => {
      if (entry.folder === 'root' || !entry.specifier.startsWith('.')) return false
      const target = targetOf(entry)
      return target !== entry.folder && !allowed[entry.folder]!.includes(target)
    })
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })

  it('keeps Node out of what runs in a browser', () => {
    const nodeOnly = /^(node:|fs|path|os|url|crypto|zlib|child_process|worker_threads)/
    const wrong = imports.filter(({ folder, specifier }) => portable.has(folder) && nodeOnly.test(specifier))
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })

  it('takes only types of the data layer into the models', () => {
    const wrong = imports.filter((entry) => portable.has(entry.folder) && targetOf(entry) === 'data' && !entry.typeOnly)
    expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toEqual([])
  })

  it('has faces without logic', () => {
    const faces = files.filter((file) => /(^|\/)index\.ts$/.test(file))
    const wrong = faces.filter((file) => {
      const text = readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
      return text.replace(/(export|import)\s[^;]*?from\s+'[^']+'/g, '').trim() !== ''
    })
    expect(wrong).toEqual([])
  })
})
