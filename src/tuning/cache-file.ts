/**
 * The file of a user's measurements: JSON, written whole under another name and renamed, so that nobody reads half of it;
 * changed under a lock, so that nobody's entries are lost. Nothing in it is worth a failure: whatever is wrong with the
 * file or its folder is a warning, and work goes on untuned.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { LockedError, withLock } from './lock.js'

/** Raised when older files would be misunderstood. */
export const cacheVersion = 1

const bucketSchema = z.object({
  /** Variants, the best first. */
  preferred: z.array(z.string()).min(1),
  /** Milliseconds of each measured variant. */
  medianMs: z.record(z.string(), z.number()),
  /** ISO 8601. */
  date: z.string(),
})

const kernelSchema = z.object({
  /** Fingerprint of the sources that were measured. */
  source: z.string(),
  buckets: z.record(z.string(), bucketSchema),
})

const cacheSchema = z.object({
  format: z.literal('voxgrad tuning'),
  version: z.literal(cacheVersion),
  /** By device and software, then by kernel. */
  devices: z.record(z.string(), z.record(z.string(), kernelSchema)),
})

export type CachedBucket = z.infer<typeof bucketSchema>
export type CachedKernel = z.infer<typeof kernelSchema>
export type CachedKernels = Readonly<Record<string, CachedKernel>>
export type TuningCache = z.infer<typeof cacheSchema>

export type Warn = (message: string) => void

const emptyCache = (): TuningCache => ({ format: 'voxgrad tuning', version: cacheVersion, devices: {} })

/** What is stored; empty where nothing is, or nothing that can be used. A damaged file is set aside. */
export function readCache(path: string, warn: Warn): TuningCache {
  try {
    const { cache, problem } = load(path)
    if (cache) return cache
    // A file of another version may be in use by another installation: whoever reads leaves it alone.
    if (problem === 'damaged') setAside(path, problem, warn)
    else if (problem) warn(`${path} is ${problem}: it is ignored, and kernels run untuned`)
  } catch (error) {
    warn(`cannot read ${path} (${messageOf(error)}): kernels run untuned`)
  }
  return emptyCache()
}

/** Changes what is stored. False where it could not be written; a warning says why. */
export async function updateCache(path: string, change: (cache: TuningCache) => void, warn: Warn): Promise<boolean> {
  try {
    mkdirSync(dirname(path), { recursive: true })
    await withLock(`${path}.lock`, () => {
      const { cache = emptyCache(), problem } = load(path)
      if (problem) setAside(path, problem, warn)
      change(cache)
      write(path, cache)
    })
    return true
  } catch (error) {
    if (!(error instanceof LockedError) && !isSystemError(error)) throw error
    warn(`cannot store measurements in ${path}: ${messageOf(error)}`)
    return false
  }
}

/** The cache of a file, or what is wrong with it; neither where there is no file. */
function load(path: string): { cache?: TuningCache; problem?: string } {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
  const value = parseJson(text)
  const result = cacheSchema.safeParse(value)
  if (result.success) return { cache: result.data }
  const { version } = z.object({ format: z.literal('voxgrad tuning'), version: z.number() }).safeParse(value).data ?? {}
  const foreign = version !== undefined && version !== cacheVersion
  return { problem: foreign ? `of format version ${version}, and this voxgrad's is ${cacheVersion}` : 'damaged' }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Keeps the file for whoever wants to look into it. */
function setAside(path: string, problem: string, warn: Warn): void {
  const aside = `${path}.${new Date().toISOString().replace(/[:.]/g, '-')}-${process.pid}.bad`
  try {
    renameSync(path, aside)
    warn(`${path} is ${problem}: it was set aside as ${aside}`)
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function write(path: string, cache: TuningCache): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(temporary, `${JSON.stringify(cache, null, 1)}\n`)
    renameSync(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
}

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
