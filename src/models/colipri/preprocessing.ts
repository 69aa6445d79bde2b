import type { PreprocessStep } from '../../data/index.js'
import type { Triple } from '../layers/basic.js'
import type { ColipriConfig } from './config.js'

/**
 * How a scan is brought to the image tower (reference §3):
 * - `standard`, as the package ships: one crop of the configured size and spacing (192³ at 2 mm).
 * - `evaluation`, as the paper evaluates: half the spacing and twice the size (384³ at 1 mm), the backbone on eight
 *   windows of the configured size, everything after it over the tokens of all windows (110,592).
 */
export type ColipriRoute = 'standard' | 'evaluation'

export const colipriRoutes: readonly ColipriRoute[] = ['standard', 'evaluation']

export interface ColipriPreprocessingOptions {
  /**
   * Resample integer scans to integers, towards zero, as the published package does (its image library keeps int16).
   * Default true. Scans stored as floats are not affected.
   */
  readonly integerParity?: boolean | undefined
  /** Smooth before reducing the resolution. Whether the published configuration does is unknown; default false. */
  readonly antialias?: boolean | undefined
  /** Default `standard`. */
  readonly route?: ColipriRoute | undefined
}

/** The voxel grid that a route brings scans to. */
export function colipriGrid({ image }: Pick<ColipriConfig, 'image'>, route: ColipriRoute = 'standard') {
  const finer = route === 'evaluation' ? 2 : 1
  return {
    size: image.inputSize.map((voxels) => voxels * finer) as unknown as Triple,
    spacingMm: image.spacingMm.map((mm) => mm / finer) as unknown as Triple,
  }
}

/** From a CT scan in HU to the network's input: orientation, spacing, clamp, scale, crop or pad (reference §3). */
export function colipriPreprocessing(
  config: Pick<ColipriConfig, 'image'>,
  { integerParity = true, antialias = false, route = 'standard' }: ColipriPreprocessingOptions = {},
): PreprocessStep[] {
  const { size, spacingMm } = colipriGrid(config, route)
  return [
    { kind: 'orient', codes: 'SAR' },
    {
      kind: 'resample',
      spacingMm: [...spacingMm],
      interpolation: 'linear',
      antialias: antialias ? 'sampled-gaussian' : false,
      roundTowardZero: integerParity,
    },
    { kind: 'clamp', min: -1000, max: 1000 },
    { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
    { kind: 'cropOrPad', size: [...size], value: -1 },
  ]
}
