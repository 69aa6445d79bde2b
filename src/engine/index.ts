export { type BackwardOptions, backward, checkpoint, gradients, noGrad } from './autograd.js'
export type { AdapterIdentity, Capabilities, SubgroupMatrixConfig } from './capabilities.js'
export { type Clock, TimestampClock, WallClock } from './clock.js'
export type { Cost } from './cost.js'
export { Device, type DeviceOptions, openDevice } from './device.js'
export type { DType, TensorData, TensorSource } from './dtype.js'
export * from './errors.js'
export type { Profile as DeviceProfile } from './gpu.js'
export { type GradcheckOptions, gradcheck } from './gradcheck.js'
export {
  type DispatchRequest,
  defineKernel,
  type Kernel,
  type KernelVariant,
  type SecondPass,
  type Specialization,
  secondPass,
  type TensorWindow,
  type VariantPreferences,
  withVariant,
} from './kernel.js'
export type { MemoryStatistics } from './memory.js'
export {
  apply,
  applyAll,
  type BackwardContext,
  customOp,
  defineOp,
  type ForwardContext,
  type OpCase,
  type OpDefinition,
  type ReferenceArray,
} from './op.js'
export { ParameterWriter } from './parameters.js'
export { countBuckets, lookUp, magnitudeOf, type PreferenceTable, preferencesOf } from './preferences.js'
export { type Profile, type ProfileRow, profile } from './profiler.js'
export { type Draw, Generator } from './random.js'
export { keep, scope } from './scope.js'
export { type Shape, sizeOf } from './shape.js'
export { empty, full, Tensor, type TensorOptions, type TensorSpec, tensor, zeros } from './tensor.js'
export {
  type CandidateResult,
  describeFault,
  preferenceTable,
  type TunerListener,
  type TunerOptions,
  type TuningFault,
  type TuningReport,
  type TuningResult,
  tune,
} from './tuner.js'
export { type PlanOptions, planTuning, type TuningPlan, type TuningProblem } from './tuning-plan.js'
export { type MakeInput, operationWorkload, type Workload } from './workload.js'
