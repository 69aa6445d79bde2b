/** One of two processes that mpirun starts: exchanges numbers, or is killed. */
import { openMpi } from '../../../src/train/index.js'

const collective = await openMpi({ timeoutMs: 1500 })
const { rank, size } = collective
if (process.argv[2] === 'killed') {
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
