export {
  type EffusionOptions,
  makeChestPhantom,
  type NoduleOptions,
  type Phantom,
  type PhantomOptions,
} from './chest.js'
export { type LungLobe, lungLobes, type PhantomLabel, phantomLabels } from './chest-anatomy.js'
export type { PhantomFinding } from './chest-findings.js'
export {
  findingFacts,
  type PhantomFindingName,
  type PhantomStudyFinding,
  phantomFindings,
  type Severity,
} from './findings.js'
export {
  type PhantomLayoutName,
  phantomLayouts,
  type WritePhantomsOptions,
  writePhantoms,
} from './layouts/write.js'
export { lungLobeLabels, type PhantomAnatomy, type PhantomOrgan, phantomAnatomies, phantomOrgans } from './organs.js'
export type { ContrastPhase } from './patient.js'
export {
  decomposeReport,
  type PhantomDecomposition,
  type PhantomReport,
  type PhantomSentence,
  phantomCaptions,
  type SentenceLists,
  sentenceLists,
} from './report.js'
export { type PhantomSplit, phantomSeedRanges, phantomSeeds, phantomSplitOf } from './splits.js'
export {
  type PhantomCase,
  type PhantomCaseOptions,
  type PhantomStudy,
  type PhantomStudyOptions,
  phantomCase,
  phantomStudy,
} from './study.js'
export { phantomPrompts, phantomTokens, phantomVocabulary, phantomWords } from './words.js'
