/** Stored runs: how their files are named, and reading them back. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { deviceId } from './report/compare.js'
import { type Header, parseRun, type Run } from './schema.js'

export const resultsFolder = fileURLToPath(new URL('./results/', import.meta.url))

/** As in `nvidia-h200_fast_2026-10-05_905dd40c1b.jsonl`: device, profile, day, commit; sorted by time within a device. */
export function resultFileName(header: Header): string {
  const device = deviceId(header)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  const quick = header.quick ? '_quick' : ''
  return `${device}_${header.profile}_${header.date.slice(0, 10)}_${header.commit.slice(0, 10)}${quick}.jsonl`
}

export function readRun(file: string): Run {
  return parseRun(readFileSync(file, 'utf8'), file)
}

/** Every stored run, oldest first. */
export function readResults(folder: string = resultsFolder): Run[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => readRun(`${folder}/${file}`))
    .sort((a, b) => a.header.date.localeCompare(b.header.date))
}

/** Stored runs of the device and profile of `header`. */
export function historyOf(header: Header, runs: readonly Run[]): Run[] {
  return runs.filter((run) => deviceId(run.header) === deviceId(header) && run.header.profile === header.profile)
}
