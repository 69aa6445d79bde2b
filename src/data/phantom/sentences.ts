import type { PhantomFindingName } from './findings.js'
import type { PhantomAnatomy } from './organs.js'

/**
 * What reports of phantoms say. `{degree}` is the severity, `{location}` and `{size}` (mm) are the finding's own, `{many}`
 * is a number of things; a sentence for several things stands under `several`.
 */
export interface FindingSentences {
  /** A statement of the findings section, and what says the opposite. */
  readonly statements: readonly (readonly [statement: string, opposite: string])[]
  /** For several of them. */
  readonly several?: readonly (readonly [statement: string, opposite: string])[]
  /** Statements of the impression. */
  readonly impressions: readonly string[]
  /** It is not there. */
  readonly negations: readonly string[]
}

/** How reports name an extent: of things by their size, of states by their degree. */
export const degreeWords = {
  mild: ['mild', 'slight'],
  moderate: ['moderate'],
  severe: ['severe', 'marked'],
} as const

/** Of each finding at least two statements have no slots, so that they serve as prompts. */
export const findingSentences: Readonly<Record<PhantomFindingName, FindingSentences>> = {
  'Lung nodule': {
    statements: [
      ['There is a {size} mm nodule in the {location}.', 'There is no nodule in the {location}.'],
      [
        'A pulmonary nodule measuring {size} mm is seen in the {location}.',
        'No pulmonary nodule is seen in the {location}.',
      ],
      ['Solid nodule of {size} mm in the {location}.', 'No solid nodule in the {location}.'],
      ['A solid pulmonary nodule is present.', 'No solid pulmonary nodule is present.'],
      ['There is a lung nodule.', 'There is no lung nodule.'],
    ],
    impressions: [
      '{size} mm pulmonary nodule in the {location}.',
      'Pulmonary nodule in the {location}.',
      'Lung nodule.',
    ],
    negations: [
      'No pulmonary nodule.',
      'No suspicious lung nodule.',
      'There is no lung nodule.',
      'No nodule is seen in the lungs.',
    ],
  },
  Consolidation: {
    statements: [
      ['There is consolidation in the {location}.', 'There is no consolidation in the {location}.'],
      ['{degree} airspace opacity with air bronchograms in the {location}.', 'No airspace opacity in the {location}.'],
      ['The {location} shows {degree} consolidation.', 'The {location} shows no consolidation.'],
      ['Consolidation is present.', 'Consolidation is not present.'],
      ['There is airspace consolidation.', 'There is no airspace consolidation.'],
    ],
    impressions: ['Consolidation in the {location}.', 'Airspace consolidation.', 'Pneumonia of the {location}.'],
    negations: [
      'No consolidation.',
      'No airspace opacity.',
      'There is no consolidation.',
      'No focal consolidation is seen.',
    ],
  },
  Emphysema: {
    statements: [
      ['{degree} emphysema is seen in both lungs.', 'No emphysema is seen in both lungs.'],
      ['There are {degree} emphysematous changes.', 'There are no emphysematous changes.'],
      [
        'Multiple areas of low attenuation, consistent with {degree} emphysema.',
        'No areas of low attenuation to suggest emphysema.',
      ],
      ['Emphysema is present.', 'Emphysema is not present.'],
      ['There is pulmonary emphysema.', 'There is no pulmonary emphysema.'],
    ],
    impressions: ['{degree} emphysema.', 'Pulmonary emphysema.', 'Emphysematous lungs.'],
    negations: ['No emphysema.', 'There is no emphysema.', 'No emphysematous changes.', 'No bullae or emphysema.'],
  },
  'Pleural effusion': {
    statements: [
      ['There is a {degree} {location} pleural effusion.', 'There is no {location} pleural effusion.'],
      ['{degree} {location} pleural effusion is noted.', 'No {location} pleural effusion is noted.'],
      ['{location} pleural fluid of {degree} extent.', 'No {location} pleural fluid.'],
      ['Pleural effusion is present.', 'Pleural effusion is not present.'],
      ['There is pleural fluid.', 'There is no pleural fluid.'],
    ],
    impressions: ['{degree} {location} pleural effusion.', '{location} pleural effusion.', 'Pleural effusion.'],
    negations: [
      'No pleural effusion.',
      'There is no pleural effusion.',
      'No pleural fluid.',
      'The pleural spaces are free of fluid.',
    ],
  },
  Cardiomegaly: {
    statements: [
      ['The heart is {degree}ly enlarged.', 'The heart is not enlarged.'],
      ['There is {degree} cardiomegaly.', 'There is no cardiomegaly.'],
      ['{degree} enlargement of the heart.', 'No enlargement of the heart.'],
      ['The heart is enlarged.', 'The heart is not enlarged.'],
      ['Cardiomegaly is present.', 'Cardiomegaly is not present.'],
    ],
    impressions: ['{degree} cardiomegaly.', 'Cardiomegaly.', 'Enlarged heart.'],
    negations: [
      'No cardiomegaly.',
      'The heart is not enlarged.',
      'Heart size is normal.',
      'The heart is of normal size.',
    ],
  },
  'Pericardial effusion': {
    statements: [
      ['There is a {degree} pericardial effusion.', 'There is no pericardial effusion.'],
      ['Pericardial effusion of up to {size} mm.', 'No pericardial effusion.'],
      ['{degree} fluid around the heart, {size} mm thick.', 'No fluid around the heart.'],
      ['Pericardial effusion is present.', 'Pericardial effusion is not present.'],
      ['There is pericardial fluid.', 'There is no pericardial fluid.'],
    ],
    impressions: ['{degree} pericardial effusion.', 'Pericardial effusion.', 'Pericardial effusion, {size} mm.'],
    negations: [
      'No pericardial effusion.',
      'There is no pericardial effusion.',
      'No pericardial fluid.',
      'The pericardium is free of fluid.',
    ],
  },
  'Coronary artery wall calcification': {
    statements: [
      ['{degree} calcifications of the coronary arteries.', 'No calcifications of the coronary arteries.'],
      ['There is {degree} coronary artery calcification.', 'There is no coronary artery calcification.'],
      ['The coronary arteries show {degree} calcified plaques.', 'The coronary arteries show no calcified plaques.'],
      ['Coronary artery calcification is present.', 'Coronary artery calcification is not present.'],
      ['The coronary arteries are calcified.', 'The coronary arteries are not calcified.'],
    ],
    impressions: [
      '{degree} coronary artery calcification.',
      'Coronary calcifications.',
      'Coronary artery disease with calcified plaques.',
    ],
    negations: [
      'No coronary calcification.',
      'There is no coronary artery calcification.',
      'The coronary arteries are not calcified.',
    ],
  },
  'Arterial wall calcification': {
    statements: [
      ['{degree} calcified plaques in the wall of the aorta.', 'No calcified plaques in the wall of the aorta.'],
      [
        'There is {degree} atherosclerotic calcification of the aorta.',
        'There is no atherosclerotic calcification of the aorta.',
      ],
      ['The aorta shows {degree} wall calcifications.', 'The aorta shows no wall calcifications.'],
      ['Aortic wall calcification is present.', 'Aortic wall calcification is not present.'],
      ['The aortic wall is calcified.', 'The aortic wall is not calcified.'],
    ],
    impressions: [
      '{degree} aortic calcification.',
      'Calcified plaques of the aorta.',
      'Aortic atherosclerosis with calcifications.',
    ],
    negations: [
      'No aortic calcification.',
      'There is no calcification of the aortic wall.',
      'The aortic wall is not calcified.',
    ],
  },
  'Aortic aneurysm': {
    statements: [
      ['Aneurysm of the {location} with a diameter of {size} mm.', 'No aneurysm of the {location}.'],
      ['The {location} is dilated to {size} mm.', 'The {location} is not dilated.'],
      [
        'There is {degree} aneurysmal dilatation of the {location}.',
        'There is no aneurysmal dilatation of the {location}.',
      ],
      ['An aortic aneurysm is present.', 'No aortic aneurysm is present.'],
      ['The aorta is dilated.', 'The aorta is not dilated.'],
    ],
    impressions: ['Aneurysm of the {location}, {size} mm.', 'Aortic aneurysm.', 'Dilated {location}.'],
    negations: [
      'No aortic aneurysm.',
      'The aorta is of normal calibre.',
      'There is no aneurysm of the aorta.',
      'The aorta is not dilated.',
    ],
  },
  'Hiatal hernia': {
    statements: [
      ['There is a {degree} hiatal hernia.', 'There is no hiatal hernia.'],
      ['{degree} herniation of the stomach through the hiatus.', 'No herniation of the stomach through the hiatus.'],
      [
        'Part of the stomach lies behind the heart, a {degree} hiatal hernia.',
        'No part of the stomach lies behind the heart.',
      ],
      ['A hiatal hernia is present.', 'No hiatal hernia is present.'],
      ['There is a hernia of the hiatus.', 'There is no hernia of the hiatus.'],
    ],
    impressions: ['{degree} hiatal hernia.', 'Hiatal hernia.', 'Herniation of the stomach through the hiatus.'],
    negations: ['No hiatal hernia.', 'There is no hiatal hernia.', 'No hernia of the hiatus.'],
  },
  'Liver lesion': {
    statements: [
      [
        'There is a {size} mm lesion in the {location} of the liver.',
        'There is no lesion in the {location} of the liver.',
      ],
      ['Focal hepatic lesion measuring {size} mm in the {location}.', 'No focal hepatic lesion in the {location}.'],
      ['The {location} of the liver contains a mass of {size} mm.', 'The {location} of the liver contains no mass.'],
      ['A focal liver lesion is present.', 'No focal liver lesion is present.'],
      ['There is a hepatic lesion.', 'There is no hepatic lesion.'],
    ],
    several: [
      ['There are {many} focal liver lesions of up to {size} mm.', 'There are no focal liver lesions.'],
      ['{many} hepatic lesions, the largest {size} mm in the {location}.', 'No hepatic lesions.'],
      ['Several focal liver lesions are present.', 'No focal liver lesions are present.'],
    ],
    impressions: ['Focal liver lesion of {size} mm.', 'Hepatic lesion in the {location}.', 'Liver lesion.'],
    negations: [
      'No liver lesion.',
      'There is no focal hepatic lesion.',
      'No focal lesion in the liver.',
      'No hepatic mass.',
    ],
  },
  'Hepatic steatosis': {
    statements: [
      ['{degree} hepatic steatosis.', 'No hepatic steatosis.'],
      [
        'The attenuation of the liver is {degree}ly decreased, consistent with steatosis.',
        'The attenuation of the liver is not decreased.',
      ],
      ['There is {degree} fatty infiltration of the liver.', 'There is no fatty infiltration of the liver.'],
      ['Hepatic steatosis is present.', 'Hepatic steatosis is not present.'],
      ['The liver is fatty.', 'The liver is not fatty.'],
    ],
    impressions: ['{degree} hepatic steatosis.', 'Fatty liver.', 'Hepatic steatosis.'],
    negations: [
      'No hepatic steatosis.',
      'There is no fatty infiltration of the liver.',
      'Liver attenuation is normal.',
      'The liver is not fatty.',
    ],
  },
  Splenomegaly: {
    statements: [
      ['The spleen is {degree}ly enlarged.', 'The spleen is not enlarged.'],
      ['There is {degree} splenomegaly.', 'There is no splenomegaly.'],
      ['{degree} enlargement of the spleen.', 'No enlargement of the spleen.'],
      ['The spleen is enlarged.', 'The spleen is not enlarged.'],
      ['Splenomegaly is present.', 'Splenomegaly is not present.'],
    ],
    impressions: ['{degree} splenomegaly.', 'Splenomegaly.', 'Enlarged spleen.'],
    negations: ['No splenomegaly.', 'The spleen is not enlarged.', 'The spleen is of normal size.'],
  },
  'Kidney stone': {
    statements: [
      ['There is a {size} mm stone in the {location} kidney.', 'There is no stone in the {location} kidney.'],
      ['Calculus of {size} mm in the {location} renal pelvis.', 'No calculus in the {location} renal pelvis.'],
      ['Nephrolithiasis of the {location} kidney.', 'No nephrolithiasis of the {location} kidney.'],
      ['A kidney stone is present.', 'No kidney stone is present.'],
      ['There is a renal calculus.', 'There is no renal calculus.'],
    ],
    several: [
      [
        'There are {many} stones of up to {size} mm in the {location} kidney.',
        'There are no stones in the {location} kidney.',
      ],
      ['{many} renal calculi in the {location} kidney.', 'No renal calculi in the {location} kidney.'],
      ['Kidney stones are present.', 'Kidney stones are not present.'],
    ],
    impressions: ['Nephrolithiasis on the {location}.', 'Kidney stone.', 'Renal calculus in the {location} kidney.'],
    negations: ['No kidney stone.', 'No renal calculi.', 'There is no nephrolithiasis.', 'No urinary stones.'],
  },
  'Renal cyst': {
    statements: [
      ['There is a {size} mm cyst in the {location} kidney.', 'There is no cyst in the {location} kidney.'],
      [
        'Simple cortical cyst of the {location} kidney, {size} mm.',
        'No simple cortical cyst of the {location} kidney.',
      ],
      ['The {location} kidney shows a cyst measuring {size} mm.', 'The {location} kidney shows no cyst.'],
      ['A renal cyst is present.', 'No renal cyst is present.'],
      ['There is a cyst of the kidney.', 'There is no cyst of the kidney.'],
    ],
    impressions: ['Renal cyst on the {location}.', 'Renal cyst.', 'Simple cyst of the {location} kidney.'],
    negations: ['No renal cyst.', 'There is no renal cyst.', 'No cysts in the kidneys.'],
  },
  Gallstone: {
    statements: [
      ['The gallbladder contains a calcified stone.', 'The gallbladder contains no calcified stone.'],
      ['There is a gallstone.', 'There is no gallstone.'],
      ['Cholelithiasis is present.', 'Cholelithiasis is not present.'],
    ],
    several: [
      ['The gallbladder contains {many} calcified stones.', 'The gallbladder contains no calcified stones.'],
      ['There are {many} gallstones.', 'There are no gallstones.'],
      ['Gallstones are present.', 'Gallstones are not present.'],
    ],
    impressions: ['Cholelithiasis.', 'Gallstone disease.', 'Gallbladder stones.'],
    negations: ['No gallstone.', 'There is no cholelithiasis.', 'No stones in the gallbladder.'],
  },
}

/** Of an anatomy without any finding. */
export const normalSentences: Readonly<Record<PhantomAnatomy, readonly string[]>> = {
  lung: ['The lungs are clear.', 'Both lungs are normally aerated.', 'The lungs are unremarkable.'],
  heart: ['The heart is unremarkable.', 'The heart and pericardium are normal.', 'Normal appearance of the heart.'],
  aorta: ['The aorta is unremarkable.', 'Normal appearance of the aorta.', 'The aorta is normal in calibre and wall.'],
  esophagus: ['The esophagus is unremarkable.', 'Normal appearance of the esophagus.'],
  liver: ['The liver is unremarkable.', 'The liver is normal in size and attenuation.', 'Homogeneous liver.'],
  spleen: ['The spleen is unremarkable.', 'Normal appearance of the spleen.'],
  kidney: ['The kidneys are unremarkable.', 'Both kidneys are normal.', 'Normal appearance of the kidneys.'],
  gallbladder: ['The gallbladder is unremarkable.', 'Normal gallbladder.'],
  pancreas: ['The pancreas is unremarkable.', 'The pancreas is normal.', 'Normal appearance of the pancreas.'],
  stomach: ['The stomach is unremarkable.', 'The stomach is normally distended.', 'Normal stomach.'],
}

/** True of every phantom with this contrast phase, and of no help. */
export const techniqueSentences = {
  native: ['Unenhanced CT of the chest and upper abdomen.', 'CT without contrast medium.'],
  arterial: ['CT of the chest and upper abdomen in the arterial phase.', 'Contrast enhanced CT, arterial phase.'],
  portal: ['CT of the chest and upper abdomen in the portal venous phase.', 'Contrast enhanced CT, venous phase.'],
} as const

export const remarks = [
  'No prior examination is available for comparison.',
  'Image quality is diagnostic.',
  'The visualised bones are intact.',
  'The thyroid is not included.',
  'The examination was performed in the supine position.',
] as const

export const catheterSentences = ['A central venous catheter is in place.', 'Central venous line in situ.'] as const

/** Impressions of a patient without any finding. */
export const normalImpressions = [
  'No significant abnormality.',
  'Unremarkable examination of the chest and upper abdomen.',
  'Normal examination.',
] as const
