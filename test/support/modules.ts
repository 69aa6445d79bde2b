/** Imports every kernel folder, so that the operations and kernels defined there are known: a new folder needs no entry. */
export async function loadAllKernels(): Promise<void> {
  const modules = import.meta.glob('../../src/kernels/*/index.ts')
  await Promise.all(Object.values(modules).map((load) => load()))
}
