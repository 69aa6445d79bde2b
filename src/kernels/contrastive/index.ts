export { composedInfoNce } from './composed.js'
export {
  clipLoss,
  type Groups,
  type InfoNce,
  type InfoNceOptions,
  infoNCE,
  type Positives,
  type SampleWeights,
  type SoftTargets,
} from './info-nce.js'
export { type OppositeSentenceOptions, oppositeSentence } from './opposite-sentence.js'
export { type SigLipOptions, sigLip } from './sig-lip.js'
