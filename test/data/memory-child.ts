/** Reads a scan in a process of its own: FILE, read or prepare. Prints by how many bytes its peak memory grew. */
import { readAndPreprocess, readVolume } from '../../src/data/index.js'

const [path, mode] = process.argv.slice(2)
const before = process.memoryUsage.rss()
if (mode === 'read') await readVolume(path!)
else
  await readAndPreprocess(path!, [
    { kind: 'orient', codes: 'SAR' },
    { kind: 'resample', spacingMm: [2, 2, 2] },
  ])
console.log(process.resourceUsage().maxRSS * 1024 - before)
