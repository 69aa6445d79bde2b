/** Where the files of models come from. */
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  downloadFromHub,
  HubError,
  type HubProgress,
  readTokenizer,
  WordPieceTokenizer as Tokenizer,
  type WordPieceTokenizer,
} from '../data/index.js'

/** A file on the Hugging Face Hub. */
export interface HubPlace {
  readonly repo: string
  readonly file: string
}

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: { readonly stage: 'download' } & HubProgress) => void) | undefined
}

/** The vocabulary of CXR-BERT, which all models here tokenize with and whose repositories do not have it. */
const vocabularyPlace: HubPlace = { repo: 'microsoft/BiomedVLP-CXR-BERT-specialized', file: 'vocab.txt' }

/** The path of a file in the cache, downloaded if it is not there. */
export async function fromHub({ repo, file }: HubPlace, { signal, onProgress }: DownloadOptions): Promise<string> {
  const { files } = await downloadFromHub({
    ...{ repo, files: [file] },
    onProgress: (progress) => onProgress?.({ stage: 'download', ...progress }),
    ...(signal && { signal }),
  })
  return files.get(file)!
}

/** The vocabulary that was asked for, that travels with the weights, that lies beside them, or CXR-BERT's own. */
export async function openTokenizer(
  weightsPath: string,
  inWeights: string | undefined,
  options: DownloadOptions & { readonly vocabulary?: string | undefined },
): Promise<WordPieceTokenizer> {
  if (options.vocabulary !== undefined) return await readTokenizer(options.vocabulary)
  if (inWeights !== undefined) return Tokenizer.fromVocabulary(inWeights, { path: weightsPath })
  const folder = statSync(weightsPath).isDirectory() ? weightsPath : dirname(weightsPath)
  const beside = ['tokenizer.json', 'vocab.txt'].map((file) => join(folder, file)).find((path) => existsSync(path))
  return await readTokenizer(beside ?? (await vocabularyFromHub(weightsPath, options)))
}

async function vocabularyFromHub(weightsPath: string, options: DownloadOptions): Promise<string> {
  try {
    return await fromHub(vocabularyPlace, options)
  } catch (cause) {
    if (!(cause instanceof HubError)) throw cause
    throw new HubError(cause.problem, 'texts need a vocabulary, which is neither in the weights nor beside them', {
      path: weightsPath,
      remedy: `Give the vocab.txt of ${vocabularyPlace.repo} (--vocabulary, or the option vocabulary). The hub did not: ${cause.message}`,
      cause,
    })
  }
}
