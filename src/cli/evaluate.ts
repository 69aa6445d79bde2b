/** `voxgrad evaluate`: how well a model does on a data set, by the protocols of its publication. */
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { DataError, type Dataset, openDataset, type Study } from '../data/index.js'
import { type ColipriModel, promptStyles, type ScanInput, scanName } from '../inference/index.js'
import { probePoolings } from '../train/index.js'
import { probeHandler } from './evaluate-probe.js'
import { retrievalHandler } from './evaluate-retrieval.js'
import { type EvaluateArguments, evaluationDatasets, evaluationStudies, type Protocol } from './evaluate-studies.js'
import { zeroShotHandler } from './evaluate-zeroshot.js'
import { addModelOptions } from './model-options.js'
import { wholeNumber } from './read-options.js'
import { runScans, type ScanHandler } from './scan-run.js'

const protocols = { zeroshot: zeroShotHandler, retrieval: retrievalHandler, probe: probeHandler }

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('Evaluate a model on a data set. Research use only, not for diagnosis')
    .argument('<folder>', 'the data set as its owners lay it out')
    .addOption(
      new Option('--dataset <name>', 'ct-rate: its validation split; rad-chestct: all of it')
        .choices(evaluationDatasets)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--protocol <name>',
        'zeroshot: findings from prompt pairs; retrieval: reports to scans and back; probe: a linear layer on frozen tokens',
      )
        .choices(Object.keys(protocols))
        .default('zeroshot'),
    )
    .addOption(new Option('--prompts <style>', 'of zeroshot').choices(promptStyles).default('short'))
    .addOption(new Option('--replicates <number>', 'of the bootstrap').argParser(wholeNumber).default(1000))
    .addOption(new Option('--pooling <name>', 'of probe').choices(['all', ...probePoolings]).default('all'))
    .addOption(new Option('--steps <number>', 'of probe').argParser(wholeNumber).default(12_500))
    .addOption(new Option('--seed <number>', 'of the bootstrap and of probe').argParser(wholeNumber).default(1))
    .option('--out <folder>', 'where evaluation.json, results.jsonl and run.json go', join('out', 'evaluate'))
    .option('--json', 'print evaluation.json')
    .option('--resume', 'keep the results that the folder has, and go on')
  return addModelOptions(command).action(evaluate)
}

async function evaluate(folder: string, options: EvaluateArguments & { readonly protocol: Protocol }): Promise<void> {
  const { dataset: name, protocol, prompts } = options
  const dataset = await openDataset(folder, name)
  const studies = await evaluationStudies(dataset, name, protocol)
  const bySource = new Map(studies.map((study) => [scanName(sourceOf(study)), study]))
  await runScans(studies.map(sourceOf), options, {
    ...{ command: 'evaluate', configuration: { dataset: name, protocol, prompts } },
    imageOnly: protocol === 'probe',
    ...(protocol === 'probe' && { dense: 'backbone' as const }),
    prepare: async (model: ColipriModel): Promise<ScanHandler> => ({
      ...(await protocols[protocol](model, { options, dataset, studyOf: (scan) => studyOf(bySource, scan, dataset) })),
      silent: true,
    }),
  })
}

const sourceOf = ({ images }: Study): ScanInput => images[0]!.source

function studyOf(studies: ReadonlyMap<string, Study>, scan: string, { folder }: Dataset): Study {
  const study = studies.get(scan)
  if (study) return study
  throw new DataError(`has a result of ${scan}, which is not among the studies to evaluate`, {
    path: folder,
    remedy: 'Give another --out, or leave --resume out',
  })
}
