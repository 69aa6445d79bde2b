import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const folder = new URL('../../src/data/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))

/** What a file imports or re-exports when it runs; types cost nothing. */
function runtimeImports(name: string): string[] {
  const text = readFileSync(new URL(name, folder), 'utf8')
  const statements = text.matchAll(/^(?:import|export)(?! type\b)[^']*? from '([^']+)'/gm)
  return [...statements].map((statement) => statement[1]!)
}

test('only file access needs Node; everything else runs in a browser', () => {
  const needsNode = new Set(files.filter((name) => runtimeImports(name).some((from) => from.startsWith('node:'))))
  for (let before = -1; before !== needsNode.size; ) {
    before = needsNode.size
    for (const name of files) {
      const local = runtimeImports(name).map((from) => from.replace(/^\.\/(.*)\.js$/, '$1.ts'))
      if (local.some((from) => needsNode.has(from))) needsNode.add(name)
    }
  }
  expect([...needsNode].sort()).toEqual([
    ...['files.ts', 'index.ts', 'nifti-write.ts', 'nifti.ts', 'png.ts', 'safetensors-file.ts'],
  ])
})
