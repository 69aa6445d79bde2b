export { type Loaded, Loader, type LoaderBatch, LoaderError, type LoaderOptions } from './loader.js'
export { type StudyLoaderOptions, studyLoader } from './study-loader.js'
export type { LoadedStudy, StudyItem } from './study-task.js'
export type { LoadTask, TaskContext, TaskModule } from './task.js'
