/** From a batch of crops, masks and captions to the pairs of each anatomy that the objective compares. */
import { ShapeError, scope, type Tensor, tensor } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { concat } from '../../kernels/join/index.js'
import { type Dropping, keepEverything } from '../layers/dropping.js'
import type { Fvlm } from './fvlm.js'
import { isNormal, normalTemplate, type OrganPairs } from './objective.js'
import { intactOrgans, type MaskBatch, organTokens } from './organ-tokens.js'
import type { TextTokenizer } from './zero-shot.js'

export interface FvlmBatch {
  /** `[N, D, H, W, 1]` */
  readonly image: Tensor
  readonly mask: MaskBatch
  /** For each anatomy of the configuration, N raw captions. */
  readonly captions: Readonly<Record<string, readonly string[]>>
}

/** Pairs of an anatomy, and which samples of the batch they come from. */
export interface OrganBatch extends OrganPairs {
  readonly samples: readonly number[]
}

/** The caption that is encoded: where the template is followed by findings, these alone. */
export function encodedCaption(caption: string, template: string): string {
  return caption.startsWith(template) && caption.length > template.length ? caption.replaceAll(template, '') : caption
}

/** For each anatomy, the samples whose crop shows it whole. */
export function intactSamples(model: Fvlm, mask: MaskBatch): Map<string, number[]> {
  const { anatomies } = model.config
  const intact = intactOrgans(mask, anatomies.length)
  const samples = Array.from({ length: mask.samples }, (_, n) => n)
  return new Map(
    anatomies.map((anatomy, o) => [anatomy, samples.filter((n) => intact[n * anatomies.length + o] === 1)]),
  )
}

/** Anatomies that some sample shows whole and abnormal; of data-parallel workers, any sample of any worker. */
export function usedAnatomies(
  model: Fvlm,
  workers: readonly {
    readonly intact: ReadonlyMap<string, readonly number[]>
    readonly captions: FvlmBatch['captions']
  }[],
): string[] {
  return model.config.anatomies.filter((anatomy) =>
    workers.some(({ intact, captions }) =>
      intact.get(anatomy)!.some((sample) => !isNormal(captions[anatomy]![sample]!, anatomy)),
    ),
  )
}

/**
 * Embeds the intact samples of the anatomies `only` (default: those that this batch alone would use). An anatomy without
 * an intact sample here is left out.
 */
export function embedBatch(
  model: Fvlm,
  tokenizer: TextTokenizer,
  batch: FvlmBatch,
  options: { readonly only?: readonly string[]; readonly dropping?: Dropping } = {},
): OrganBatch[] {
  const { config } = model
  const { anatomies, vision } = config
  const { image, mask, captions } = batch
  for (const anatomy of anatomies) {
    const given = captions[anatomy]?.length
    if (given !== mask.samples || image.shape[0] !== mask.samples) {
      throw new ShapeError(
        `fvlm: ${given ?? 'no'} captions of the ${anatomy} for ${mask.samples} masks and images ${image.shape.join(' x ')}`,
      )
    }
  }
  const { dropping = keepEverything } = options
  const intact = intactSamples(model, mask)
  const { only = usedAnatomies(model, [{ intact, captions }]) } = options
  const used = (anatomy: string) => only.includes(anatomy) && intact.get(anatomy)!.length > 0
  return scope(() => {
    const { levels } = model.vision.encode(image, dropping)
    const places = anatomies.flatMap((anatomy, o) => (used(anatomy) ? [o] : []))
    const selected = organTokens(mask, anatomies.length, vision.patch)
    const { unit } = model.pooling.apply(levels, selected, { only: places, dropping })
    return places.map((o, i): OrganBatch => {
      const anatomy = anatomies[o]!
      const samples = intact.get(anatomy)!
      const own = samples.map((sample) => captions[anatomy]![sample]!)
      const texts = own.map((caption) => encodedCaption(caption, normalTemplate(anatomy)))
      const { shape, ids, mask: tokens } = tokenizer.encodeBatch(texts, { maxLength: config.text.length })
      return {
        anatomy,
        samples,
        captions: own,
        image: indexSelect(unit[i]!, tensor(model.device, Int32Array.from(samples)), { axis: 0 }),
        text: model.text.embed(tensor(model.device, ids, shape), tensor(model.device, tokens, shape), dropping),
      }
    })
  })
}

/**
 * The pairs of one anatomy of all data-parallel workers, in their order. Gradients flow to those of worker `own` only, as
 * in the published code, where features of others arrive without a tape.
 */
export function gatherPairs(workers: readonly OrganPairs[], own: number): OrganPairs {
  const { anatomy } = workers[own]!
  const rows = (part: 'image' | 'text') =>
    concat(
      workers.map((pairs, worker) => (worker === own ? pairs[part] : pairs[part].detach())),
      0,
    )
  return scope(() => ({
    anatomy,
    captions: workers.flatMap(({ captions }) => captions),
    image: rows('image'),
    text: rows('text'),
  }))
}
