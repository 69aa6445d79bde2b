import type { PreprocessStep } from '../../data/index.js'
import type { ColipriConfig } from './config.js'

export interface ColipriPreprocessingOptions {
  /**
   * Resample integer scans to integers, towards zero, as the published package does (its image library keeps int16).
   * Default true. Scans stored as floats are not affected.
   */
  readonly integerParity?: boolean | undefined
  /** Smooth before reducing the resolution. Whether the published configuration does is unknown; default false. */
  readonly antialias?: boolean | undefined
}

/** From a CT scan in HU to the network's input: orientation, spacing, clamp, scale, crop or pad (reference §3). */
export function colipriPreprocessing(
  { image }: Pick<ColipriConfig, 'image'>,
  { integerParity = true, antialias = false }: ColipriPreprocessingOptions = {},
): PreprocessStep[] {
  return [
    { kind: 'orient', codes: 'SAR' },
    {
      kind: 'resample',
      spacingMm: image.spacingMm,
      interpolation: 'linear',
      antialias: antialias ? 'sampled-gaussian' : false,
      roundTowardZero: integerParity,
    },
    { kind: 'clamp', min: -1000, max: 1000 },
    { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
    { kind: 'cropOrPad', size: image.inputSize, value: -1 },
  ]
}
