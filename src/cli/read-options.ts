/** Options of every command that reads a scan. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type AcceptableDicomIssue,
  acceptableDicomIssues,
  type ReadVolumeOptions,
  type WorldFrame,
} from '../data/index.js'

export interface ReadArguments {
  readonly index?: number
  readonly space?: WorldFrame
  readonly series?: string
  readonly accept?: readonly AcceptableDicomIssue[]
}

export function addReadOptions(command: Command): Command {
  return command
    .addOption(new Option('--index <n>', 'which volume of a file with several, from 0').argParser(wholeNumber))
    .addOption(
      new Option('--space <frame>', 'world frame of an NRRD file that states none').choices(['RAS', 'LAS', 'LPS']),
    )
    .option('--series <uid>', 'which DICOM series, where there are several')
    .addOption(
      new Option(
        '--accept <problem>',
        `what may be wrong with a DICOM series, repeatable or with commas: ${acceptableDicomIssues.join(', ')}`,
      ).argParser(acceptedIssues),
    )
}

/** Not one option of many words: that would swallow the name of the scan behind it. */
function acceptedIssues(text: string, before: readonly AcceptableDicomIssue[] = []): AcceptableDicomIssue[] {
  const isAcceptable = (word: string): word is AcceptableDicomIssue =>
    (acceptableDicomIssues as readonly string[]).includes(word)
  const words = text.split(',').map((word) => word.trim())
  if (words.every(isAcceptable)) return [...new Set([...before, ...words])]
  throw new InvalidArgumentError(`Give some of ${acceptableDicomIssues.join(', ')}.`)
}

export function readOptions({ index, space, series, accept }: ReadArguments): ReadVolumeOptions {
  return {
    ...(index === undefined ? {} : { index }),
    ...(space === undefined ? {} : { space }),
    ...(series === undefined ? {} : { series }),
    ...(accept === undefined ? {} : { accept }),
  }
}

export function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number from 0.')
}

/** Numbers separated by commas, `count` of them. */
export function numberList(count: number): (text: string) => number[] {
  return (text) => {
    const numbers = text.split(',').map((word) => (word.trim() === '' ? Number.NaN : Number(word)))
    if (numbers.length === count && numbers.every(Number.isFinite)) return numbers
    throw new InvalidArgumentError(`Give ${count} numbers separated by commas.`)
  }
}

/** A number, within limits. */
export function numberBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= low && value <= high) return value
    throw new InvalidArgumentError(`Give a number from ${low} to ${high}.`)
  }
}
