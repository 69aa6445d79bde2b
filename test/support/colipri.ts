/** COLIPRI at the size of the golden checkpoint `tiny_a`. */
import { type ColipriConfig, colipriPublished } from '../../src/models/index.js'

export const tinyConfig: ColipriConfig = {
  image: {
    ...colipriPublished.image,
    inputSize: [16, 24, 32],
    spacingMm: [16, 12, 12],
    features: 48,
    depth: 2,
    heads: 2,
    poolerHeads: 4,
  },
  projectionFeatures: 32,
  text: {
    ...colipriPublished.text,
    vocabulary: 64,
    layers: 2,
    heads: 4,
    hiddenFeatures: 64,
    positions: 16,
    poolerHeads: 4,
  },
}
