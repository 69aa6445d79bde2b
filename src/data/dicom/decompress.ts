import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DataError, NotSupportedDataError } from '../errors.js'
import { WorkerRunner } from '../loader/runner.js'
import { type Decoded, decoderPackage } from './decode-task.js'
import { type Fragment, locateFragments } from './fragments.js'
import type { DicomFrame, DicomInstance } from './instance.js'
import { singleFrameFile } from './single-frame.js'

const taskModule = new URL(`./decode-task.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/**
 * The decoder prints to the standard output and sets the exit code of its process when it meets a broken file: both would
 * spoil those of the command that reads. One thread serves all reads, and keeps no process alive.
 */
const decoder = new WorkerRunner(taskModule.href, undefined, 1)

/** Each call of the decoder starts it anew, which costs more than one slice: 16 at a time take an eighth of the time. */
const FRAMES_AT_ONCE = 16

/**
 * The stored values of compressed frames of one size and transfer syntax, row by row, some frames at a time in their
 * order. Needs the optional package `@itk-wasm/dicom`; throws a NotSupportedDataError that tells how to install it when
 * it is missing, and a DataError that names the file that it cannot read.
 */
export async function* decompress(frames: readonly DicomFrame[]): AsyncGenerator<ArrayLike<number>> {
  const folder = await mkdtemp(join(tmpdir(), 'voxgrad-dicom-'))
  const located = new Map<DicomInstance, Fragment[][]>()
  try {
    for (let first = 0; first < frames.length; first += FRAMES_AT_ONCE) {
      const group = frames.slice(first, first + FRAMES_AT_ONCE)
      const paths: string[] = []
      for (const [place, frame] of group.entries()) {
        // It wants absolute paths.
        const path = resolve(join(folder, `${place}.dcm`))
        await writeFile(path, singleFrameFile(frame.instance, place, await compressedPieces(frame, located)))
        paths.push(path)
      }
      const values = await decode(group, paths)
      if (values !== undefined) yield values
      else for (const [n, frame] of group.entries()) yield (await decode([frame], [paths[n]!]))!
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compressedPieces(
  { instance, index }: DicomFrame,
  located: Map<DicomInstance, Fragment[][]>,
): Promise<Uint8Array[]> {
  await using source = await instance.file.open()
  const fragments = located.get(instance) ?? (await locateFragments(source, instance))
  located.set(instance, fragments)
  const pieces: Uint8Array[] = []
  for (const { start, length } of fragments[index]!) {
    const piece = new Uint8Array(length)
    await source.read(start, piece)
    pieces.push(piece)
  }
  return pieces
}

/** Undefined when one of several frames cannot be decoded, so that each is tried alone and the broken one named. */
async function decode(frames: readonly DicomFrame[], paths: string[]): Promise<ArrayLike<number> | undefined> {
  const { file, rows, columns, transferSyntax } = frames[0]!.instance
  const outcome = await decoder.run({ item: paths, index: 0, epoch: 0, seed: 0 })
  const decoded: Decoded = outcome.ok ? (outcome.value as Decoded) : { kind: 'failed', message: outcome.error.message }
  if (decoded.kind === 'pixels' && decoded.data.length === rows * columns * frames.length) return decoded.data
  if (decoded.kind === 'missing') {
    throw new NotSupportedDataError(`its pixels are compressed (transfer syntax ${transferSyntax})`, {
      path: file.name,
      remedy: `Install the optional decoder: npm install ${decoderPackage}@7.6.4`,
      cause: decoded.message,
    })
  }
  if (frames.length > 1) return undefined
  const problem =
    decoded.kind === 'failed' ? decoded.message : `it gives ${decoded.size.join(' x ')} instead of ${columns} x ${rows}`
  throw new DataError(`${decoderPackage} cannot decompress it (transfer syntax ${transferSyntax}): ${problem}`, {
    path: file.name,
    remedy:
      'The file is truncated or damaged, or of a rare kind: fetch it again, or decompress it with dcmdjpeg of DCMTK',
  })
}
