import { imagesOf, type Study } from '../datasets/index.js'
import { type PreprocessStep, parsePreprocessSteps } from '../preprocess/steps.js'
import { Loader, type LoaderOptions } from './loader.js'
import { type LoadedStudy, type StudyItem, studyItem } from './study-task.js'

export interface StudyLoaderOptions extends Omit<LoaderOptions<StudyItem>, 'items' | 'task' | 'nameOf'> {
  /** From a scan to the network's input. */
  readonly steps: readonly PreprocessStep[]
}

/**
 * Loads every image of some studies with its mask, report and labels, preprocessed, in worker threads. Errors name the
 * image. Throws a DataError for wrong steps or options.
 */
export function studyLoader(studies: Iterable<Study>, options: StudyLoaderOptions): Loader<StudyItem, LoadedStudy> {
  const { steps, ...rest } = options
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Loader<StudyItem, LoadedStudy>({
    ...rest,
    items: Array.from(imagesOf(studies), ({ study, image }) => studyItem(study, image)),
    nameOf: ({ name }) => name,
    task: {
      module: new URL(`./study-task.${extension}`, import.meta.url),
      data: { steps: parsePreprocessSteps(steps) },
    },
  })
}
