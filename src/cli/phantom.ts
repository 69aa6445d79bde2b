/** `voxgrad phantom`: made-up CT scans with reports, labels and masks, laid out as known data sets. */
import { Command, Option } from 'commander'
import {
  type PhantomLayoutName,
  type PhantomSplit,
  phantomLayouts,
  phantomSeedRanges,
  type Triple,
  writePhantoms,
} from '../data/index.js'
import { Progress } from './progress.js'
import { numberBetween, numberList, wholeNumber } from './read-options.js'

interface PhantomArguments {
  readonly layout: PhantomLayoutName
  readonly split: PhantomSplit
  readonly out: string
  readonly count: number
  readonly seed: number
  readonly shape?: Triple
  readonly spacing?: Triple
  readonly difficulty?: number
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
    .addOption(new Option('--count <number>', 'how many').argParser(wholeNumber).default(10))
    .addOption(
      new Option('--seed <number>', 'the first phantom of the split, from 0').argParser(wholeNumber).default(0),
    )
    .addOption(new Option('--shape <x,y,z>', 'voxels; default 96,72,96').argParser(numberList(3)))
    .addOption(new Option('--spacing <x,y,z>', 'mm; default what makes it 384 x 288 x 384 mm').argParser(numberList(3)))
    .addOption(
      new Option('--difficulty <part>', '0 makes findings large, 1 small; default 0.3').argParser(numberBetween(0, 1)),
    )
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
    count,
    first: seed,
    ...(shape !== undefined && { shape }),
    ...(spacing !== undefined && { spacingMm: spacing }),
    ...(difficulty !== undefined && { difficulty }),
    onProgress: (done, total, name) => progress.showCount(done, total, name, performance.now() - started),
  })
  progress.clear()
  console.log(`${out}: ${made} phantoms made, ${kept} were there (${layout}, ${split})`)
}
