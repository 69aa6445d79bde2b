/** Open MPI's C library, called through the optional package koffi. */
import { NotSupportedError } from '../../engine/index.js'
import { CollectiveError } from './errors.js'

const installation = 'npm install koffi@2.14.1'
const system =
  'Install Open MPI (Debian: apt-get install openmpi-bin libopenmpi3), or set VOXGRAD_MPI to the path of its libmpi'

/** Where the loader of the system looks by itself. Major 40 is Open MPI 2 to 5. */
const fileNames = ['libmpi.so.40', 'libmpi.so', 'libmpi.40.dylib', 'libmpi.dylib']

/** The address of a variable of the library. */
type Handle = object
type Argument = Handle | ArrayBufferView | number
type ForeignFunction = ((...values: Argument[]) => number) & {
  /** Runs on another thread; the last argument is a callback. */
  async(...values: (Argument | ((error: Error | null, code: number) => void))[]): void
}

/** What is used of koffi, so that its types are not needed to build against this package. */
interface ForeignLibrary {
  func(prototype: string): ForeignFunction
  symbol(name: string, type: string): Handle
}
interface Koffi {
  load(path: string, options?: { readonly global?: boolean }): ForeignLibrary
}

// Buffers that may be the constants MPI_IN_PLACE (1) or MPI_STATUS_IGNORE (0) are declared as integers of a pointer's size.
const prototypes = {
  MPI_Initialized: 'int MPI_Initialized(void *flag)',
  MPI_Init_thread: 'int MPI_Init_thread(uintptr_t argc, uintptr_t argv, int required, void *provided)',
  MPI_Finalize: 'int MPI_Finalize()',
  MPI_Abort: 'int MPI_Abort(void *comm, int code)',
  MPI_Comm_rank: 'int MPI_Comm_rank(void *comm, void *rank)',
  MPI_Comm_size: 'int MPI_Comm_size(void *comm, void *size)',
  MPI_Comm_set_errhandler: 'int MPI_Comm_set_errhandler(void *comm, void *handler)',
  MPI_Ibarrier: 'int MPI_Ibarrier(void *comm, void *request)',
  MPI_Test: 'int MPI_Test(void *request, void *flag, uintptr_t status)',
  MPI_Allreduce: 'int MPI_Allreduce(uintptr_t send, void *receive, int count, void *type, void *op, void *comm)',
  MPI_Allgather:
    'int MPI_Allgather(void *send, int sent, void *sendType, void *receive, int received, void *receiveType, void *comm)',
  MPI_Bcast: 'int MPI_Bcast(void *buffer, int count, void *type, int root, void *comm)',
} as const

const symbols = ['ompi_mpi_comm_world', 'ompi_mpi_float', 'ompi_mpi_op_sum', 'ompi_mpi_errors_return'] as const

export type MpiFunction = keyof typeof prototypes

export interface MpiLibrary {
  /** Addresses of Open MPI's constants. */
  readonly handles: Readonly<Record<(typeof symbols)[number], Handle>>
  /** Calls at once, on this thread. Throws CollectiveError for an error code. */
  call(name: MpiFunction, ...values: Argument[]): void
  /** Calls on another thread, so that the event loop goes on. */
  callAside(name: MpiFunction, ...values: Argument[]): Promise<void>
}

/** Throws NotSupportedError that says what to install when koffi or Open MPI is missing. */
export async function loadMpi(): Promise<MpiLibrary> {
  const library = openLibrary(await importKoffi())
  const entries = Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype)])
  const functions = Object.fromEntries(entries) as Record<MpiFunction, ForeignFunction>
  const check = (name: MpiFunction, code: number) => {
    if (code !== 0)
      throw new CollectiveError(`${name}: failed with code ${code}. A peer may have ended; see mpirun's output`)
  }
  return {
    handles: Object.fromEntries(symbols.map((name) => [name, library.symbol(name, 'void')])) as MpiLibrary['handles'],
    call: (name, ...values) => check(name, functions[name](...values)),
    callAside: async (name, ...values) => {
      const code = await new Promise<number>((resolve, reject) => {
        functions[name].async(...values, (error, result) => (error ? reject(error) : resolve(result)))
      })
      check(name, code)
    },
  }
}

async function importKoffi(): Promise<Koffi> {
  // The name is not a literal, so that building against this package does not ask for the library.
  const name: string = 'koffi'
  try {
    return ((await import(name)) as { default: Koffi }).default
  } catch (cause) {
    throw new NotSupportedError(`MPI needs the optional package koffi. Install it: ${installation}`, { cause })
  }
}

function openLibrary(koffi: Koffi): ForeignLibrary {
  const given = process.env.VOXGRAD_MPI
  const candidates = given ? [given] : fileNames
  let cause: unknown
  for (const path of candidates) {
    try {
      // Its plug-ins look for symbols of the library among the global ones.
      const library = koffi.load(path, { global: true })
      for (const name of symbols) library.symbol(name, 'void')
      return library
    } catch (error) {
      cause = error
    }
  }
  throw new NotSupportedError(`MPI: none of ${candidates.join(', ')} can be used as Open MPI's library. ${system}`, {
    cause,
  })
}
