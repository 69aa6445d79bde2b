/** Words that say that a text speaks of an anatomy. */

/**
 * By anatomy, words and beginnings of words in lower case (`bronch*`). Where an anatomy has parts, they are among them:
 * fluid and air around the lung count as lung, the valves and coronary arteries as heart.
 */
const words: Readonly<Record<string, string>> = {
  lung:
    'lung lungs pulmonary lobe lobes lobar lingula* parenchym* bronch* peribronch* alveol* pleura* hemothorax ' +
    'pneumothorax hydropneumothorax haemothorax empyema emphysem* atelecta* consolidat* ground-glass ground glass ' +
    'interlobular interstitial pneumon* nodule nodules nodular opacity opacities fissure* hemithora* bulla* bleb* ' +
    'mosaic fibrotic honeycomb* air-trapping reticul* infiltrat*',
  heart:
    'heart cardiac cardiomegaly cardiothoracic pericard* myocard* atrium atria* ventricle ventricles ventricular coronary ' +
    'valve valves mitral tricuspid',
  esophagus: 'esophag* oesophag* hiatal hiatus gastroesophageal',
  aorta: 'aorta aortic arterial wall atheroscler* atheroma*',
  'adrenal gland': 'adrenal adrenals suprarenal',
  'erector spinae': 'erector spinae paraspinal paravertebral muscles',
  brain: 'brain cerebr* cerebell* intracranial',
  clavicle: 'clavic*',
  'large bowel': 'colon colonic cecum caecum sigmoid rectum rectal appendix large bowel large intestine',
  duodenum: 'duoden*',
  face: 'face facial',
  femur: 'femur femoral head femoral neck',
  gallbladder: 'gallbladder gall bladder cholecyst* cholelith*',
  gluteus: 'glute*',
  hip: 'hip hips ilium iliac bone acetabul*',
  humerus: 'humerus humeral',
  'iliac artery': 'iliac artery iliac arteries',
  'iliac vein': 'iliac vein iliac veins',
  iliopsoas: 'psoas iliopsoas',
  'inferior vena cava': 'inferior vena cava ivc',
  kidney: 'kidney kidneys renal nephro* hydronephro* pelvicalyceal perirenal',
  liver: 'liver hepatic hepato* intrahepatic perihepatic',
  pancreas: 'pancrea* peripancrea*',
  'portal and splenic vein': 'portal vein splenic vein',
  'pulmonary artery': 'pulmonary artery pulmonary arteries pulmonary trunk pulmonary embol*',
  rib: 'rib ribs costal',
  sacrum: 'sacrum sacral sacroiliac',
  scapula: 'scapula*',
  'small bowel': 'small bowel small intestine jejun* ileum ileal',
  spleen: 'spleen splenic splenomegaly perisplenic',
  stomach: 'stomach gastric',
  trachea: 'trachea* carina',
  bladder: 'urinary bladder bladder',
  'cervical vertebrae': 'cervical vertebra* cervical spine',
  'lumbar vertebrae': 'lumbar vertebra* lumbar spine',
  'thoracic vertebrae': 'thoracic vertebra* thoracic spine dorsal vertebra* dorsal spine',
}

/** Terms of several words in the lists above, which would otherwise be read as single ones. */
const phrases = [
  ...['ground glass', 'arterial wall', 'erector spinae', 'paravertebral muscles', 'large bowel', 'large intestine'],
  ...['femoral head', 'femoral neck', 'gall bladder', 'iliac bone', 'iliac artery', 'iliac arteries', 'iliac vein'],
  ...['iliac veins', 'inferior vena cava', 'portal vein', 'splenic vein', 'pulmonary artery', 'pulmonary arteries'],
  ...['pulmonary trunk', 'pulmonary embol*', 'small bowel', 'small intestine', 'urinary bladder', 'cervical vertebra*'],
  ...['cervical spine', 'lumbar vertebra*', 'lumbar spine', 'thoracic vertebra*', 'thoracic spine', 'dorsal vertebra*'],
  'dorsal spine',
]

/** Words of one anatomy inside a term of another: the pulmonary artery is not the lung. */
const elsewhere: Readonly<Record<string, readonly string[]>> = {
  lung: ['pulmonary artery', 'pulmonary arteries', 'pulmonary trunk', 'pulmonary vein', 'pulmonary veins'],
  spleen: ['splenic vein', 'splenic artery', 'splenic flexure'],
  liver: ['hepatic flexure'],
  bladder: ['gall bladder'],
}

const patterns = new Map<string, { readonly own: RegExp; readonly elsewhere: RegExp | undefined }>()

function patternsOf(anatomy: string) {
  const known = patterns.get(anatomy)
  if (known) return known
  const foreign = elsewhere[anatomy]
  const made = {
    own: anyOf(terms(words[anatomy] ?? anatomy.toLowerCase())),
    elsewhere: foreign === undefined ? undefined : anyOf(foreign),
  }
  patterns.set(anatomy, made)
  return made
}

function terms(list: string): string[] {
  const found: string[] = []
  let rest = ` ${list} `
  for (const phrase of phrases) {
    if (!rest.includes(` ${phrase} `)) continue
    found.push(phrase)
    rest = rest.replace(` ${phrase} `, ' ')
  }
  return [...found, ...rest.split(' ').filter((word) => word !== '')]
}

/** Whole words, or their beginnings where a term ends in `*`. */
function anyOf(list: readonly string[]): RegExp {
  const source = list.map((term) =>
    term
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/\*$/, '\\p{L}*')
      .replaceAll(' ', '\\s+'),
  )
  return new RegExp(`(?<![\\p{L}\\d])(?:${source.join('|')})(?![\\p{L}\\d])`, 'giu')
}

/** Whether a text has a word of the anatomy; of one that the lexicon does not know, its name. */
export function mentions(text: string, anatomy: string): boolean {
  const { own, elsewhere } = patternsOf(anatomy)
  const left = elsewhere ? text.replace(elsewhere, ' ') : text
  return left.search(own) >= 0
}
