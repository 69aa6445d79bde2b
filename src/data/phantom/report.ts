import { type AnatomyCaption, composeCaption } from '../fvlm/captions.js'
import { RandomStream } from '../random.js'
import { findingFacts, type PhantomFindingName, type PhantomStudyFinding, phantomFindings } from './findings.js'
import { type PhantomAnatomy, phantomAnatomies } from './organs.js'
import type { ContrastPhase } from './patient.js'
import {
  catheterSentences,
  degreeWords,
  findingSentences,
  normalImpressions,
  normalSentences,
  remarks,
  techniqueSentences,
} from './sentences.js'
import { streams } from './streams.js'

export interface PhantomSentence {
  readonly text: string
  /** A finding is there, is not there, an anatomy has none, or something beside the matter. */
  readonly kind: 'positive' | 'negative' | 'normal' | 'remark'
  readonly anatomy?: PhantomAnatomy
  readonly finding?: PhantomFindingName
  /** Of a positive sentence of the findings: the same in the negative. */
  readonly opposite?: string
}

export interface PhantomReport {
  readonly findings: string
  readonly impression: string
  /** The sentences of both, in order. */
  readonly sentences: { readonly findings: readonly PhantomSentence[]; readonly impression: readonly PhantomSentence[] }
}

/** What else a report can tell of a phantom. */
export interface ReportContext {
  readonly phase: ContrastPhase
  readonly catheter: boolean
}

export const countWords: readonly string[] = ['no', 'one', 'two', 'three']

const capitalised = (text: string): string => text[0]!.toUpperCase() + text.slice(1)

/** Fills the slots of a sentence. */
export function fillSentence(
  template: string,
  { location, sizeMm, count }: PhantomStudyFinding,
  degree: string,
): string {
  const text = template
    .replaceAll('{degree}', degree)
    .replaceAll('{location}', location ?? '')
    .replaceAll('{size}', String(sizeMm ?? ''))
    .replaceAll('{many}', countWords[count ?? 0]!)
  return capitalised(text)
}

function shuffled<Item>(items: readonly Item[], random: RandomStream): Item[] {
  const out = [...items]
  for (let n = out.length - 1; n > 0; n--) {
    const other = Math.floor(random.uniform(0, n + 1))
    ;[out[n], out[other]] = [out[other]!, out[n]!]
  }
  return out
}

/**
 * A report that states exactly the findings. What is not there is denied or left out; wording, order and what stands beside
 * it are drawn from the seed.
 */
export function writeReport(
  seed: number,
  findings: readonly PhantomStudyFinding[],
  context: ReportContext,
): PhantomReport {
  const random = new RandomStream(seed, streams.report)
  const byAnatomy = shuffled(phantomAnatomies, random).map((anatomy) => anatomySentences(anatomy, findings, random))
  const technique: PhantomSentence[] =
    random.uniform() < 0.5 ? [{ kind: 'remark', text: random.choose(techniqueSentences[context.phase]) }] : []
  const beside = remarks.filter(() => random.uniform() < 0.15)
  const catheter = context.catheter && random.uniform() < 0.7 ? [random.choose(catheterSentences)] : []
  const last = [...beside, ...catheter].map((text): PhantomSentence => ({ kind: 'remark', text }))
  const body = [...technique, ...byAnatomy.flat(), ...last]
  const conclusions = shuffled(findings, random).map((finding) => impressionOf(finding, random))
  const impression: PhantomSentence[] =
    conclusions.length > 0 ? conclusions : [{ kind: 'normal', text: random.choose(normalImpressions) }]
  const joined = (sentences: readonly PhantomSentence[]) => sentences.map(({ text }) => text).join(' ')
  return { findings: joined(body), impression: joined(impression), sentences: { findings: body, impression } }
}

function anatomySentences(
  anatomy: PhantomAnatomy,
  findings: readonly PhantomStudyFinding[],
  random: RandomStream,
): PhantomSentence[] {
  const here = findings.filter((finding) => finding.anatomy === anatomy)
  const normal = random.uniform() < 0.5
  if (here.length === 0 && normal) {
    // One anatomy in ten goes unmentioned.
    return random.uniform() < 0.2 ? [] : [{ kind: 'normal', anatomy, text: random.choose(normalSentences[anatomy]) }]
  }
  const absent = phantomFindings.filter(
    (name) => findingFacts[name].anatomy === anatomy && !here.some((finding) => finding.name === name),
  )
  const denied = absent.filter(() => random.uniform() < 0.6)
  const sentences = [
    ...here.map((finding) => statementOf(finding, random)),
    ...denied.map((name): PhantomSentence => {
      return { kind: 'negative', anatomy, finding: name, text: random.choose(findingSentences[name].negations) }
    }),
  ]
  return shuffled(sentences, random)
}

function statementOf(finding: PhantomStudyFinding, random: RandomStream): PhantomSentence {
  const { statements, several } = findingSentences[finding.name]
  const [statement, opposite] = random.choose((finding.count ?? 1) > 1 ? several! : statements)
  const degree = random.choose(degreeWords[finding.severity])
  return {
    kind: 'positive',
    anatomy: finding.anatomy,
    finding: finding.name,
    text: fillSentence(statement, finding, degree),
    opposite: fillSentence(opposite, finding, degree),
  }
}

function impressionOf(finding: PhantomStudyFinding, random: RandomStream): PhantomSentence {
  const template = random.choose(findingSentences[finding.name].impressions)
  const text = fillSentence(template, finding, random.choose(degreeWords[finding.severity]))
  return { kind: 'positive', anatomy: finding.anatomy, finding: finding.name, text }
}

/** The texts of a report by anatomy, as fVLM's `desc_info.json` and `conc_info.json` have them for one scan. */
export interface PhantomDecomposition {
  readonly findings: Readonly<Record<string, string>>
  readonly impression: Readonly<Record<string, string>>
}

/** Takes a report apart: per section the whole text (`Findings`, `Conclusion`) and the text of each anatomy it mentions. */
export function decomposeReport({ findings, impression, sentences }: PhantomReport): PhantomDecomposition {
  const byAnatomy = (own: readonly PhantomSentence[]): Record<string, string> =>
    Object.fromEntries(
      phantomAnatomies.flatMap((anatomy) => {
        const texts = own.filter((sentence) => sentence.anatomy === anatomy).map(({ text }) => text)
        return texts.length > 0 ? [[anatomy, texts.join(' ')]] : []
      }),
    )
  return {
    findings: { Findings: findings, ...byAnatomy(sentences.findings) },
    impression: { Conclusion: impression, ...byAnatomy(sentences.impression) },
  }
}

/** fVLM's captions of a report. An anatomy is abnormal exactly when it has a finding. */
export function phantomCaptions(report: PhantomReport): Readonly<Record<PhantomAnatomy, AnatomyCaption>> {
  const { findings, impression } = decomposeReport(report)
  const captions = phantomAnatomies.map((anatomy) => [
    anatomy,
    composeCaption(anatomy, { findings: findings[anatomy], impression: impression[anatomy] }),
  ])
  return Object.fromEntries(captions) as Record<PhantomAnatomy, AnatomyCaption>
}

/** What a report says of one anatomy, for losses that set a sentence against its opposite. */
export interface SentenceLists {
  readonly positive: readonly { readonly text: string; readonly opposite: string }[]
  readonly negative: readonly string[]
}

/** The findings section by anatomy: statements with their opposites, and what is denied or normal. */
export function sentenceLists({ sentences }: PhantomReport): Readonly<Record<PhantomAnatomy, SentenceLists>> {
  const lists = phantomAnatomies.map((anatomy): [PhantomAnatomy, SentenceLists] => {
    const own = sentences.findings.filter((sentence) => sentence.anatomy === anatomy)
    return [
      anatomy,
      {
        positive: own.flatMap(({ text, opposite }) => (opposite === undefined ? [] : [{ text, opposite }])),
        negative: own.flatMap(({ kind, text }) => (kind === 'positive' ? [] : [text])),
      },
    ]
  })
  return Object.fromEntries(lists) as Record<PhantomAnatomy, SentenceLists>
}
