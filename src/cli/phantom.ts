/** `voxgrad phantom`: made-up CT scans with reports, labels and masks, laid out as known data sets. */
import { Command, Option } from 'commander'
import {
  DataError,
  type PhantomLayoutName,
  type PhantomSplit,
  phantomLayouts,
  phantomSeedRanges,
  type Triple,
  writePhantoms,
} from '../data/index.js'
import { Progress } from './progress.js'

interface PhantomArguments {
  readonly layout: PhantomLayoutName
  readonly split: PhantomSplit
  readonly out: string
  readonly count: string
  readonly seed: string
  readonly shape?: string
  readonly spacing?: string
  readonly difficulty?: string
}

export function phantomCommand(): Command {
  return new Command('phantom')
    .description(
      'Write synthetic CT scans of chest and belly with masks, reports and labels; goes on where it was stopped',
    )
    .addOption(new Option('--layout <layout>', 'as which data set').choices(phantomLayouts).makeOptionMandatory())
    .addOption(
      new Option('--split <split>', 'no phantom is in two of them')
        .choices(Object.keys(phantomSeedRanges))
        .default('train'),
    )
    .requiredOption('--out <folder>', 'where they go; may hold other splits of the same layout')
    .option('--count <number>', 'how many', '10')
    .option('--seed <number>', 'the first phantom of the split, from 0', '0')
    .option('--shape <x,y,z>', 'voxels, such as 96,72,96 (the default)')
    .option('--spacing <x,y,z>', 'mm. Default: what makes it 384 x 288 x 384 mm')
    .option('--difficulty <number>', '0 makes findings large, 1 small. Default 0.3')
    .action(phantom)
}

async function phantom({
  layout,
  split,
  out,
  count,
  seed,
  shape,
  spacing,
  difficulty,
}: PhantomArguments): Promise<void> {
  const progress = new Progress(process.stderr)
  const started = performance.now()
  const { made, kept } = await writePhantoms({
    ...{ layout, split, folder: out },
    count: wholeNumber(count, '--count'),
    first: wholeNumber(seed, '--seed'),
    ...(shape !== undefined && { shape: triple(shape, '--shape') }),
    ...(spacing !== undefined && { spacingMm: triple(spacing, '--spacing') }),
    ...(difficulty !== undefined && { difficulty: Number(difficulty) }),
    onProgress: (done, total, name) => progress.showCount(done, total, name, performance.now() - started),
  })
  progress.clear()
  console.log(`${out}: ${made} phantoms made, ${kept} were there (${layout}, ${split})`)
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value
  throw new DataError(`${option} ${text} is no whole number from 0 on`)
}

function triple(text: string, option: string): Triple {
  const numbers = text.split(/[,x]/).map(Number)
  if (numbers.length === 3 && numbers.every((value) => value > 0 && Number.isFinite(value))) return numbers as Triple
  throw new DataError(`${option} ${text} is not three numbers`, { remedy: 'Write them as 96,72,96' })
}
