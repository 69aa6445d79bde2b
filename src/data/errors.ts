export interface DataErrorOptions {
  /** The file or named input that is at fault. It starts the message. */
  path?: string
  /** What the reader of the message can do about it. It ends the message. */
  remedy?: string
  cause?: unknown
}

/**
 * Every bad input of the data layer (a damaged file, a header that contradicts itself, an option that makes no sense)
 * becomes this error. Its message names the input, the problem and, where there is one, the way out.
 */
export class DataError extends Error {
  override readonly name: string = 'DataError'
  declare readonly path?: string
  declare readonly remedy?: string

  constructor(problem: string, options: DataErrorOptions = {}) {
    const { path, remedy, cause } = options
    super(
      `${path === undefined ? '' : `${path}: `}${problem}${remedy === undefined ? '' : `. ${remedy}`}`,
      cause === undefined ? undefined : { cause },
    )
    if (path !== undefined) this.path = path
    if (remedy !== undefined) this.remedy = remedy
  }
}

/** A sound input of a kind that this package does not read. Says which, and what to do with it. */
export class NotSupportedDataError extends DataError {
  override readonly name = 'NotSupportedError'
}
