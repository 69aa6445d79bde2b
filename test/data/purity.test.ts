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

test('only file access needs Node; everything else runs in a browser', () => {
  const needsNode = new Set(files.filter((name) => runtimeImports(name).some((from) => from.startsWith('node:'))))
  for (let before = -1; before !== needsNode.size; ) {
    before = needsNode.size
    for (const name of files) {
      const local = runtimeImports(name).map((from) => join(name, '..', from).replace(/\.js$/, '.ts'))
      if (local.some((from) => needsNode.has(from))) needsNode.add(name)
    }
  }
  expect([...needsNode].sort()).toEqual([
    'byte-source.ts',
    'compress.ts',
    'datasets/check.ts',
    'datasets/csv.ts',
    'datasets/ct-rate.ts',
    'datasets/index.ts',
    'datasets/inspect-image.ts',
    'datasets/listing.ts',
    'datasets/m3d-cap.ts',
    'datasets/open.ts',
    'datasets/picture-slices.ts',
    'datasets/rad-chestct.ts',
    'datasets/read-image.ts',
    'datasets/segmentation-folder.ts',
    'datasets/table.ts',
    'detached-file.ts',
    'dicom/dataset.ts',
    'dicom/decompress.ts',
    'dicom/files.ts',
    'dicom/instance.ts',
    'dicom/pixels.ts',
    'dicom/read.ts',
    'files.ts',
    'hub/cache.ts',
    'hub/download.ts',
    'hub/fetch-blob.ts',
    'hub/partial.ts',
    'hub/request.ts',
    'hub/settings.ts',
    'index.ts',
    'inflate.ts',
    'loader/index.ts',
    'loader/loader.ts',
    'loader/runner.ts',
    'loader/study-loader.ts',
    'loader/study-task.ts',
    'loader/worker.ts',
    'metaimage/read.ts',
    'metaimage/write.ts',
    'nifti-write.ts',
    'nifti.ts',
    'nrrd/read.ts',
    'nrrd/write.ts',
    'numpy/npy.ts',
    'numpy/npz.ts',
    'picture/png.ts',
    'preprocess/prepare-file.ts',
    'ranges.ts',
    'read-volume.ts',
    'safetensors-file.ts',
    'text/index.ts',
    'text/text-file.ts',
    'text/tokenizer-file.ts',
    'text/tokenizer-json.ts',
    'torch/checkpoint.ts',
    'torch/legacy-container.ts',
    'torch/zip-container.ts',
    'volume-file.ts',
    'weights/convert.ts',
    'weights/open.ts',
    'weights/sharded.ts',
    'write-volume.ts',
    'zip/archive.ts',
    'zip/directory.ts',
    'zip/inflate.ts',
    'zip/writer.ts',
  ])
})
