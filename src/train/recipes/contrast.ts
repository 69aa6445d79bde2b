/** The contrastive loss of a batch that is spread over processes. */
import { scope, type Tensor } from '../../engine/index.js'
import { type InfoNceOptions, infoNCE } from '../../kernels/contrastive/index.js'
import { add, mul } from '../../kernels/elementwise/index.js'
import { slice } from '../../kernels/layout/index.js'
import type { ObjectiveContext } from '../task.js'

/** Symmetric InfoNCE, the mean over the own rows of unit vectors `[N, E]` of all processes. */
export function contrastOwnRows(
  image: Tensor,
  text: Tensor,
  { start, count }: ObjectiveContext['ownRows'],
  temperature: NonNullable<InfoNceOptions['temperature']>,
): Tensor {
  if (count === image.shape[0]) return infoNCE(image, text, { temperature, normalize: false }).loss
  return scope(() => {
    const own = (rows: Tensor): Tensor => slice(rows, [[start, start + count]])
    const options = { temperature, normalize: false, symmetric: false, offset: start }
    const [toText, toImage] = [infoNCE(own(image), text, options), infoNCE(own(text), image, options)]
    return mul(add(toText.loss, toImage.loss), 0.5)
  })
}
