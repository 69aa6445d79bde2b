/** Processes that `mpirun` or `srun` started, over Open MPI. */
import { setImmediate, setTimeout } from 'node:timers/promises'
import { ValueError } from '../../engine/index.js'
import { type CloseOptions, type Collective, soloCollective } from './collective.js'
import { CollectiveError, PeerLostError } from './errors.js'
import { loadMpi, type MpiFunction, type MpiLibrary } from './mpi-library.js'

export interface OpenMpiOptions {
  /**
   * How long a call waits for the other ranks before it takes them for lost. Must be longer than what one rank does alone:
   * rank 0's checkpoints. Default VOXGRAD_MPI_TIMEOUT in seconds, else ten minutes.
   */
  readonly timeoutMs?: number | undefined
}

/** Elements of one call of MPI, whose counts are 32-bit. */
const largestCall = 2 ** 28
/** MPI_THREAD_SERIALIZED: calls come from several threads, but one at a time. */
const serialized = 2
/** MPI_IN_PLACE. */
const inPlace = 1
/** Polls without a pause, which is what a collective of ranks in step needs. */
const eagerPolls = 200

/**
 * Joins the processes of `MPI_COMM_WORLD`. Call it once in a process; `close()` ends MPI, after which it cannot begin again;
 * `close({ failed: true })` ends this process and all others.
 *
 * Ranks wait for each other by polling, without blocking the event loop or a thread, and data moves on another thread.
 *
 * Throws NotSupportedError when koffi or Open MPI is missing. Its promises reject with PeerLostError when a peer does not
 * come within the timeout, and with CollectiveError for an error that MPI returns.
 */
export async function openMpi(options: OpenMpiOptions = {}): Promise<Collective> {
  const timeoutMs = options.timeoutMs ?? timeoutOf(process.env.VOXGRAD_MPI_TIMEOUT)
  const library = await loadMpi()
  const number = new Int32Array(1)
  library.call('MPI_Initialized', number)
  if (number[0] !== 0) throw new CollectiveError('openMpi: MPI has begun in this process; use its first collective')
  library.call('MPI_Init_thread', 0, 0, serialized, number)
  if (number[0]! < serialized) {
    throw new CollectiveError('openMpi: this Open MPI was built without threads (MPI_THREAD_SERIALIZED)')
  }
  const world = library.handles.ompi_mpi_comm_world
  library.call('MPI_Comm_set_errhandler', world, library.handles.ompi_mpi_errors_return)
  library.call('MPI_Comm_rank', world, number)
  const rank = number[0]!
  library.call('MPI_Comm_size', world, number)
  return new MpiCollective(library, rank, number[0]!, timeoutMs)
}

/** The collective of this process: Open MPI's where `mpirun` started it with others, else the one of a process alone. */
export function launchedCollective(environment: NodeJS.ProcessEnv = process.env): Promise<Collective> {
  return Number(environment.OMPI_COMM_WORLD_SIZE ?? 1) > 1 ? openMpi() : Promise.resolve(soloCollective)
}

function timeoutOf(seconds: string | undefined): number {
  const value = Number(seconds ?? 600)
  if (value > 0) return 1000 * value
  throw new ValueError(`VOXGRAD_MPI_TIMEOUT: takes seconds, more than 0, got '${seconds}'`)
}

class MpiCollective implements Collective {
  /** Calls follow each other; the first failure is that of all later ones. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(
    readonly library: MpiLibrary,
    readonly rank: number,
    readonly size: number,
    readonly timeoutMs: number,
  ) {}

  allReduceSum(values: Float32Array): Promise<void> {
    const { ompi_mpi_float, ompi_mpi_op_sum, ompi_mpi_comm_world } = this.library.handles
    return this.#inTurn('allReduceSum', async () => {
      for (const part of partsOf(values)) {
        const reduced = [inPlace, part, part.length, ompi_mpi_float, ompi_mpi_op_sum, ompi_mpi_comm_world]
        await this.#move('allReduceSum', 'MPI_Allreduce', ...reduced)
      }
    })
  }

  allGather(values: Float32Array): Promise<Float32Array> {
    const { ompi_mpi_float, ompi_mpi_comm_world } = this.library.handles
    return this.#inTurn('allGather', async () => {
      if (values.length > largestCall) throw new ValueError(`allGather: takes up to ${largestCall} values`)
      const all = new Float32Array(values.length * this.size)
      const [sent, received] = [
        [values, values.length, ompi_mpi_float],
        [all, values.length, ompi_mpi_float],
      ]
      await this.#move('allGather', 'MPI_Allgather', ...sent!, ...received!, ompi_mpi_comm_world)
      return all
    })
  }

  broadcast(values: Float32Array, root: number): Promise<void> {
    const { ompi_mpi_float, ompi_mpi_comm_world } = this.library.handles
    return this.#inTurn('broadcast', async () => {
      for (const part of partsOf(values)) {
        await this.#move('broadcast', 'MPI_Bcast', part, part.length, ompi_mpi_float, root, ompi_mpi_comm_world)
      }
    })
  }

  barrier(): Promise<void> {
    return this.#inTurn('barrier', async () => {})
  }

  /** Ends MPI when all ranks are here; of a rank that failed, which others would wait for, all processes at once. */
  async close({ failed = false }: CloseOptions = {}): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (failed) this.library.call('MPI_Abort', this.library.handles.ompi_mpi_comm_world, 1)
    else await this.#inTurn('close', async () => this.library.call('MPI_Finalize'))
  }

  #inTurn<T>(call: string, run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      await this.#meet(call)
      return await run()
    })
    this.#last = result
    // Whoever called hears of a failure; this chain only hands it to later calls.
    result.catch(() => {})
    return result
  }

  /** Waits until all ranks are at this call. */
  async #meet(call: string): Promise<void> {
    const request = new BigUint64Array(1)
    const done = new Int32Array(1)
    this.library.call('MPI_Ibarrier', this.library.handles.ompi_mpi_comm_world, request)
    const deadline = performance.now() + this.timeoutMs
    for (let polls = 0; ; polls++) {
      this.library.call('MPI_Test', request, done, 0)
      if (done[0] !== 0) return
      if (performance.now() > deadline) throw this.#lost(call)
      await (polls < eagerPolls ? setImmediate() : setTimeout(1))
    }
  }

  /** Moves data between ranks that are all here; one may still end on the way. */
  async #move(call: string, name: MpiFunction, ...values: Parameters<MpiLibrary['call']>[1][]): Promise<void> {
    const timer = new AbortController()
    const late = setTimeout(this.timeoutMs, undefined, { signal: timer.signal }).then(() => {
      throw this.#lost(call)
    })
    late.catch(() => {})
    try {
      await Promise.race([this.library.callAside(name, ...values), late])
    } finally {
      timer.abort()
    }
  }

  #lost(call: string): PeerLostError {
    const others = Array.from({ length: this.size }, (_, n) => n).filter((n) => n !== this.rank)
    const who = others.length === 1 ? `rank ${others[0]} is` : `one or more of ranks ${others.join(', ')} are`
    return new PeerLostError(
      `${call}: ${who} not here after ${this.timeoutMs / 1000} s (seen from rank ${this.rank}). A process may have ended: ` +
        'look at its output, and go on with --resume; VOXGRAD_MPI_TIMEOUT sets the seconds to wait',
    )
  }
}

const partsOf = (values: Float32Array): Float32Array[] =>
  Array.from({ length: Math.ceil(values.length / largestCall) }, (_, n) =>
    values.subarray(n * largestCall, (n + 1) * largestCall),
  )
