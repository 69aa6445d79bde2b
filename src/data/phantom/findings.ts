import type { PhantomAnatomy } from './organs.js'

/** Names as CT-RATE has them, where it knows the finding. */
export const phantomFindings = [
  'Lung nodule',
  'Consolidation',
  'Emphysema',
  'Pleural effusion',
  'Cardiomegaly',
  'Pericardial effusion',
  'Coronary artery wall calcification',
  'Arterial wall calcification',
  'Aortic aneurysm',
  'Hiatal hernia',
  'Liver lesion',
  'Hepatic steatosis',
  'Splenomegaly',
  'Kidney stone',
  'Renal cyst',
  'Gallstone',
] as const

export type PhantomFindingName = (typeof phantomFindings)[number]

export type Severity = 'mild' | 'moderate' | 'severe'

/** What is wrong with a patient, as the report tells it. */
export interface PhantomStudyFinding {
  readonly name: PhantomFindingName
  readonly anatomy: PhantomAnatomy
  readonly severity: Severity
  /** Such as `right lower lobe`, `bilateral`, `left`; absent where there is only one place. */
  readonly location?: string
  /** Largest extent of the thing itself, rounded; absent where reports give none. */
  readonly sizeMm?: number
  /** How many there are; absent where they are not counted. */
  readonly count?: number
}

/** Where each finding is, and in which part of the patients: each is drawn by itself. */
export const findingFacts: Readonly<
  Record<PhantomFindingName, { readonly anatomy: PhantomAnatomy; readonly prevalence: number }>
> = {
  'Lung nodule': { anatomy: 'lung', prevalence: 0.35 },
  Consolidation: { anatomy: 'lung', prevalence: 0.3 },
  Emphysema: { anatomy: 'lung', prevalence: 0.3 },
  'Pleural effusion': { anatomy: 'lung', prevalence: 0.35 },
  Cardiomegaly: { anatomy: 'heart', prevalence: 0.35 },
  'Pericardial effusion': { anatomy: 'heart', prevalence: 0.3 },
  'Coronary artery wall calcification': { anatomy: 'heart', prevalence: 0.35 },
  'Arterial wall calcification': { anatomy: 'aorta', prevalence: 0.35 },
  'Aortic aneurysm': { anatomy: 'aorta', prevalence: 0.25 },
  'Hiatal hernia': { anatomy: 'esophagus', prevalence: 0.3 },
  'Liver lesion': { anatomy: 'liver', prevalence: 0.35 },
  'Hepatic steatosis': { anatomy: 'liver', prevalence: 0.3 },
  Splenomegaly: { anatomy: 'spleen', prevalence: 0.3 },
  'Kidney stone': { anatomy: 'kidney', prevalence: 0.3 },
  'Renal cyst': { anatomy: 'kidney', prevalence: 0.35 },
  Gallstone: { anatomy: 'gallbladder', prevalence: 0.3 },
}
