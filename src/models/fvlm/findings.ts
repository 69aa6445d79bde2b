/** The findings that the published evaluation scores on CT-RATE, with their prompts. */

export interface ZeroShotFinding {
  readonly anatomy: string
  /** As CT-RATE's label files name it. */
  readonly label: string
  /** What the prompts say. */
  readonly wording: string
  /** Other prompts than `Not WORDING.` and `WORDING.` */
  readonly prompts?: readonly [negative: string, positive: string] | undefined
}

const ofAnatomy = (anatomy: string, labels: readonly (string | readonly [label: string, wording: string])[]) =>
  labels.map((entry): ZeroShotFinding => {
    const [label, wording] = typeof entry === 'string' ? [entry, entry] : entry
    return { anatomy, label, wording }
  })

/** 16 of CT-RATE's 18 labels, in the order of the published results; the other two have no anatomy. */
export const fvlmFindings: readonly ZeroShotFinding[] = [
  ...ofAnatomy('lung', [
    'Emphysema',
    ['Atelectasis', 'Atelectatic'],
    ['Lung nodule', 'Nodule'],
    ['Lung opacity', 'Opacity'],
    ['Pulmonary fibrotic sequela', 'Pulmonary fibrotic'],
    'Pleural effusion',
    'Mosaic attenuation pattern',
    'Peribronchial thickening',
    'Consolidation',
    'Bronchiectasis',
    'Interlobular septal thickening',
  ]),
  ...ofAnatomy('heart', ['Cardiomegaly', 'Pericardial effusion', 'Coronary artery wall calcification']),
  ...ofAnatomy('esophagus', ['Hiatal hernia']),
  ...ofAnatomy('aorta', ['Arterial wall calcification']),
]

/** The negative and the positive prompt of a finding. */
export const promptPair = ({ wording, prompts }: ZeroShotFinding): readonly [negative: string, positive: string] =>
  prompts ?? [`Not ${wording}.`, `${wording}.`]
