export { type Ceilings, leastMs, measureCeilings } from './ceilings/ceilings.js'
export { type TuningExport, tuningExport, tuningExportSchema } from './export.js'
export { tuningCachePath } from './location.js'
export { packageVersion } from './package-version.js'
export {
  describeStatus,
  loadTuning,
  openDevice,
  type TunedDeviceOptions,
  TunedPreferences,
  type TuningStatus,
} from './preferences.js'
export { currentBuckets, type StoreOptions, TuningStore } from './store.js'
export {
  type DevicePlan,
  type DeviceTuning,
  planDevice,
  type TuneDeviceOptions,
  tuneDevice,
  tuningTable,
} from './tune-device.js'
export { type Shapes, tuningWorkloads, type WorkloadSelection } from './workloads.js'
