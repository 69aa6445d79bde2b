/** `voxgrad similarity`: how alike scans and texts are. */
import { type Command, InvalidArgumentError } from 'commander'
import { dotProduct } from '../inference/index.js'
import { runScans, type ScanArguments, scanCommand, scansOf } from './scan-run.js'

interface SimilarityArguments extends ScanArguments {
  readonly text: readonly string[]
}

export function similarityCommand(): Command {
  const command = scanCommand('similarity', 'Compare CT scans with texts: cosines, -1 to 1')
  return addTextOption(command).action(similarity)
}

/** `--text`, once or more. */
export function addTextOption(command: Command): Command {
  return command.requiredOption('--text <text>', 'what to look for (repeatable)', collectText)
}

function collectText(value: string, texts: readonly string[] = []): readonly string[] {
  if (value.trim() === '') throw new InvalidArgumentError('It is empty.')
  return [...texts, value]
}

async function similarity(scans: string[], options: SimilarityArguments): Promise<void> {
  const { text: texts } = options
  await runScans(await scansOf(scans, options), options, {
    ...{ command: 'similarity', configuration: { texts } },
    prepare: async (model) => {
      const vectors = await model.encodeText(texts)
      return {
        handle: async ({ embedding }) => ({
          similarities: texts.map((text, n) => ({ text, similarity: dotProduct(embedding, vectors[n]!) })),
        }),
        table: {
          columns: texts,
          row: ({ similarities }) => (similarities as { similarity: number }[]).map((entry) => entry.similarity),
        },
        print: ({ scan, similarities }) =>
          (similarities as { text: string; similarity: number }[])
            .map((entry) => `${entry.similarity.toFixed(4).padStart(8)}  ${scan}  ${entry.text}`)
            .join('\n'),
      }
    },
  })
}
