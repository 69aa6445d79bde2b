export { type Cohort, type CohortOptions, type CohortResult, evaluateCohort, type FindingResult } from './cohort.js'
export {
  evaluateProbe,
  type Probe,
  type ProbeData,
  type ProbeOptions,
  type ProbeScores,
  probeLogits,
  trainProbe,
} from './linear-probe.js'
export { type ProbePooling, poolTokens, probePoolings } from './probe-poolings.js'
export { mergeForRadChestCt } from './rad-chestct.js'
