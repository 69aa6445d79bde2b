/** Reads a scan in a process of its own: FILE, read or prepare. Prints by how many bytes its peak memory grew. */
import { readFileSync } from 'node:fs'
import { readAndPreprocess, readVolume } from '../../src/data/index.js'

/** Bytes. Linux counts to a process's `maxRSS` what the process that started it had; this program's own peak is beside. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)![1]) * 1024
}

const [path, mode] = process.argv.slice(2)
const before = process.memoryUsage.rss()
if (mode === 'read') await readVolume(path!)
else
  await readAndPreprocess(path!, [
    { kind: 'orient', codes: 'SAR' },
    { kind: 'resample', spacingMm: [2, 2, 2] },
  ])
console.log(peakBytes() - before)
