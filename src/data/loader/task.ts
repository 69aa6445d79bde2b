/** What a task knows besides the item. Nothing in it depends on which worker runs the task, nor on how many there are. */
export interface TaskContext<Data = unknown> {
  /** Position of the item in the loader's list, before shuffling. */
  readonly index: number
  readonly epoch: number
  /** The loader's seed: with `epoch` and `index` it keys every random draw. */
  readonly seed: number
  /** What the loader was given for all tasks. */
  readonly data: Data
}

/** Makes one item. Values must be structured-cloneable; arrays are moved between threads, not copied. */
export type LoadTask<Item, Value, Data = unknown> = (item: Item, context: TaskContext<Data>) => Value | Promise<Value>

/** A module that exports a task as `load`. It runs in every worker, so functions cannot be passed in. */
export interface TaskModule {
  /** For a file of yours: `new URL('./my-task.js', import.meta.url)`. */
  readonly module: URL | string
  /** Given to every task as `context.data`. Must be structured-cloneable. */
  readonly data?: unknown
}

/** One item on its way to a worker. */
export interface Job {
  readonly item: unknown
  readonly index: number
  readonly epoch: number
  readonly seed: number
}

/** What came of it. Errors are plain fields: classes do not survive the way between threads. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: { readonly name: string; readonly message: string; readonly stack?: string } }

/** Runs a job, whatever it throws. */
export async function runTask(
  task: LoadTask<unknown, unknown>,
  { item, ...job }: Job,
  data: unknown,
): Promise<Outcome> {
  try {
    return { ok: true, value: await task(item, { ...job, data }) }
  } catch (error) {
    return { ok: false, error: describeError(error) }
  }
}

export function describeError(error: unknown): { name: string; message: string; stack?: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  return { name, message, ...(stack !== undefined && { stack }) }
}

/** The task that a module exports. Throws an Error when it has none. */
export async function importTask(module: string): Promise<LoadTask<unknown, unknown>> {
  const { load } = (await import(module)) as { load?: unknown }
  if (typeof load !== 'function') throw new Error(`${module} exports no function named 'load'`)
  return load as LoadTask<unknown, unknown>
}
