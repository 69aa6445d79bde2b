import { DataError, type DataErrorOptions } from '../errors.js'

export type HubProblem =
  | 'offline'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'rate-limited'
  | 'server'
  | 'network'
  | 'checksum'
  | 'protocol'

/** A download from a hub that failed, and why. */
export class HubError extends DataError {
  constructor(
    readonly problem: HubProblem,
    message: string,
    options: DataErrorOptions = {},
  ) {
    super(message, options)
  }
}
