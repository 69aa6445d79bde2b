/** One of two processes that mpirun starts: exchanges numbers, is killed, or fails. */
import { openMpi } from '../../../src/train/index.js'

const mode = process.argv[2]
const collective = await openMpi({ timeoutMs: mode === 'failed' ? 60_000 : 1500 })
const { rank, size } = collective
if (mode === 'failed') {
  if (rank === 1) await collective.close({ failed: true })
  await collective.barrier()
}
if (mode === 'killed') {
  await collective.barrier()
  if (rank === 1) process.kill(process.pid, 'SIGKILL')
  await collective.barrier().catch((error: Error) => {
    console.log(`${error.name}: ${error.message}`)
    process.exit(3)
  })
}
const sums = Float32Array.of(rank + 1, 10)
await collective.allReduceSum(sums)
const gathered = await collective.allGather(Float32Array.of(rank, 5))
const sent = Float32Array.of(rank + 7)
await collective.broadcast(sent, 1)
console.log(`rank ${rank} of ${size}: ${[...sums, ...gathered, ...sent]}`)
await collective.close()
