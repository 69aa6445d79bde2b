/** Volumes and reports for models with COLIPRI's image tower. */

import type { z } from 'zod'
import type { Triple } from '../../data/index.js'
import { ValueError } from '../../engine/index.js'
import { type ColipriConfig, colipriPreprocessing } from '../../models/index.js'
import type { reportDataSchema } from './colipri-options.js'
import { ctRateStudies, phantomShape, phantomStudies, type StudyData, tableStudies } from './study-data.js'

/** Opens the data of a recipe on the grid of a configuration. Throws a DataError for a folder that is none. */
export async function openReportData(
  data: z.output<typeof reportDataSchema>,
  config: ColipriConfig,
): Promise<StudyData> {
  const steps = colipriPreprocessing(config)
  if (data.source === 'ct-rate') return await ctRateStudies(data, steps)
  if (data.source === 'table') return await tableStudies(data, steps)
  const [spacing] = config.image.spacingMm
  if (config.image.spacingMm.some((mm) => mm !== spacing)) {
    throw new ValueError(`phantoms are made with one spacing, not ${config.image.spacingMm.join(' x ')} mm`)
  }
  const shape: Triple = phantomShape(spacing)
  return phantomStudies(data, { shape, steps })
}
