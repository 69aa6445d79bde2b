/** The section `data` of the recipes. */
import { z } from 'zod'

const count = z.int().min(1)

/** Phantoms are made from their seeds while they are loaded; splits are ranges of seeds, which never meet. */
export const phantomDataSchema = z.strictObject({
  source: z.literal('phantoms'),
  /** Studies of each split. */
  train: count.default(2000),
  validation: count.default(200),
  test: count.default(400),
  /** 0 makes findings large, 1 small. */
  difficulty: z.number().min(0).max(1).default(0.3),
  /** Multiplies noise, shading and streaks. */
  noise: z.number().min(0).default(1),
  /** Keeps phantoms that were made, of three bytes a voxel: for several passes over them, and for other recipes. */
  folder: z.string().optional(),
})
export type PhantomData = z.output<typeof phantomDataSchema>

const vocabulary = z.strictObject({
  /** A `vocab.txt` or `tokenizer.json`. */
  vocabulary: z.string(),
})

const folder = vocabulary.extend({
  /** As its owners lay it out. */
  folder: z.string(),
})

/** JSON `{study: {section: [sentences]}}` of the positive sentences, for the opposite-sentence objective. */
const positives = z.string().optional()

/** CT-RATE: its validation split is held out, for both `validation` and `test`. */
export const ctRateDataSchema = folder.extend({
  source: z.literal('ct-rate'),
  positives,
})

/** A list of images with reports, splits and labels: see `openTable` of the data layer. */
export const tableDataSchema = vocabulary.extend({
  source: z.literal('table'),
  /** A `.csv` or `.jsonl` file. */
  file: z.string(),
  positives,
})

/** CT-RATE with masks and fVLM's decomposed reports. */
export const organDataSchema = folder.extend({
  source: z.literal('ct-rate-organs'),
  /** Folder with `desc_info.json` and `conc_info.json`. Default: the data set's own. */
  decomposed: z.string().optional(),
})

export const m3dCapDataSchema = folder.extend({
  source: z.literal('m3d-cap'),
  /** Series with fewer slices are left out. */
  minSlices: count.default(48),
})
