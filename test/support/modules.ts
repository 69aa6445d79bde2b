import { existsSync, readdirSync } from 'node:fs'

const kernels = new URL('../../src/kernels/', import.meta.url)

/** Imports every kernel folder, so that the operations and kernels defined there are known: a new folder needs no entry. */
export async function loadAllKernels(): Promise<void> {
  const faces = readdirSync(kernels)
    .map((folder) => new URL(`${folder}/index.ts`, kernels))
    .filter((face) => existsSync(face))
  await Promise.all(faces.map((face) => import(face.href)))
}
