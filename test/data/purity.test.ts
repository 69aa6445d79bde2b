import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('../../src/data/', import.meta.url))
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

/** What a file imports or re-exports when it runs; types cost nothing. */
function runtimeImports(name: string): string[] {
  const text = readFileSync(join(folder, name), 'utf8')
  const statements = text.matchAll(/^(?:import|export)(?! type\b)[^']*? from '([^']+)'/gm)
  return [...statements].map((statement) => statement[1]!)
}

/** Folders whose business is files and hosts, and single modules beside modules that run anywhere. */
const mayNeedNode = [
  ...['datasets/', 'dicom/', 'fvlm/decompose/', 'hub/', 'loader/', 'metaimage/', 'nrrd/', 'numpy/', 'phantom/layouts/'],
  ...['torch/', 'weights/', 'zip/', 'nifti', 'picture/png.ts', 'preprocess/prepare-file.ts', 'byte-source.ts'],
  ...[
    'compress.ts',
    'inflate.ts',
    'detached-file.ts',
    'files.ts',
    'ranges.ts',
    'read-volume.ts',
    'safetensors-file.ts',
  ],
  ...['text/text-file.ts', 'text/tokenizer-file.ts', 'text/tokenizer-json.ts', 'volume-file.ts', 'write-volume.ts'],
]

test('only file access needs Node; everything else runs in a browser', () => {
  const needsNode = new Set(files.filter((name) => runtimeImports(name).some((from) => from.startsWith('node:'))))
  for (let before = -1; before !== needsNode.size; ) {
    before = needsNode.size
    for (const name of files) {
      const local = runtimeImports(name).map((from) => join(name, '..', from).replace(/\.js$/, '.ts'))
      if (local.some((from) => needsNode.has(from))) needsNode.add(name)
    }
  }
  // An index gathers what its folder has, files and all.
  const modules = [...needsNode].filter((name) => !/(^|\/)index\.ts$/.test(name))
  expect(modules.filter((name) => !mayNeedNode.some((start) => name.startsWith(start)))).toEqual([])
  expect(modules).toContain('byte-source.ts')
})
