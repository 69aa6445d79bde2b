/** A process of its own that stores so many kernels of a device, one after another: PATH DEVICE COUNT. */
import { type TuningCache, updateCache } from '../../src/tuning/cache-file.js'

const [path, device, count] = process.argv.slice(2) as [string, string, string]
const warn = (message: string) => {
  console.error(message)
  process.exitCode = 1
}
for (let i = 0; i < Number(count); i++) {
  const bucket = { preferred: ['fast'], medianMs: { fast: i }, date: '2026-11-22' }
  const change = ({ devices }: TuningCache) => {
    devices[device] = { ...devices[device], [`kernel ${i}`]: { source: '1', buckets: { any: bucket } } }
  }
  if (!(await updateCache(path, change, warn))) break
}
