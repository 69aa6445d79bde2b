import { DataError } from '../errors.js'

/** The bytes ended within the pickle. A reader that has more of them can try again. */
export class PickleEndError extends DataError {}

/** A name that the reader's allow-list lacks: to load it naively would run code. */
export class UnsafePickleError extends DataError {
  constructor(
    /** As in Python: `posix.system`. */
    readonly globalName: string,
    path: string,
    remedy: string,
  ) {
    super(`the pickle names ${globalName}, which is not among the few names that weights need; nothing was run`, {
      path,
      remedy,
    })
  }
}
