/** Reports to scans and back (reference §6.1). */
import { join } from 'node:path'
import { writeTextAtomically } from '../data/index.js'
import type { ColipriModel } from '../inference/index.js'
import { dotProducts, type RetrievalScores, retrievalScores, transposed } from '../train/index.js'
import type { EvaluationContext } from './evaluate-studies.js'
import { researchNotice } from './options.js'
import type { ScanHandler } from './scan-run.js'

const ks = [1, 5, 10, 50, 100]

export async function retrievalHandler(model: ColipriModel, context: EvaluationContext): Promise<ScanHandler> {
  const { dataset, out, json } = context.options
  const textOf = (scan: string) => {
    const { findings, text } = context.studyOf(scan).report!
    return findings ?? text
  }
  return {
    handle: async ({ name, embedding }) => ({ study: context.studyOf(name).id, embedding: Array.from(embedding) }),
    table: {
      columns: Array.from({ length: model.dimensions }, (_, n) => `e${n}`),
      row: ({ embedding }) => embedding as number[],
    },
    print: ({ scan }) => scan,
    finish: async (results) => {
      const images = results.flatMap(({ embedding }) => embedding as number[])
      const reports = results.map(({ scan }) => textOf(scan))
      const texts = (await model.encodeText(reports)).flatMap((vector) => Array.from(vector))
      const similarities = dotProducts(images, texts, model.dimensions)
      // Reports with the same words are equally right.
      const targets = reports.map((report) => reports.flatMap((other, n) => (other === report ? [n] : [])))
      const scores = {
        imageToText: withoutRanks(retrievalScores(similarities, targets, ks)),
        textToImage: withoutRanks(retrievalScores(transposed(similarities), targets, ks)),
      }
      const path = join(out, 'evaluation.json')
      const facts = {
        notice: researchNotice,
        note: model.note,
        dataset,
        protocol: 'retrieval',
        studies: results.length,
      }
      const text = `${JSON.stringify({ ...facts, model: await model.fingerprint(), ...scores }, undefined, 2)}\n`
      await writeTextAtomically(path, text)
      console.log(json ? text.trimEnd() : Object.entries(scores).map(describe).join('\n'))
      return [path]
    },
  }
}

const withoutRanks = ({ recall, meanReciprocalRank, medianRank }: RetrievalScores) => ({
  ...{ recall, meanReciprocalRank, medianRank },
})

function describe([direction, { recall, meanReciprocalRank, medianRank }]: [string, Omit<RetrievalScores, 'ranks'>]) {
  const recalls = Object.entries(recall).map(([k, value]) => `R@${k} ${value.toFixed(4)}`)
  return `${direction}: ${recalls.join(', ')}, MRR ${meanReciprocalRank.toFixed(4)}, median rank ${medianRank}`
}
