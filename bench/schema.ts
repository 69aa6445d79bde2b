/**
 * The stored form of a run: JSON lines, first a header, then one row per case. Readers check it with these schemas;
 * writers produce the types inferred from them.
 */
import { z } from 'zod'

/** Raised when a reader of older files would misunderstand newer ones. */
export const schemaVersion = 1

/** JSON has no infinities: a wrong result's error is stored as text. */
const errorSize = z.union([z.number(), z.literal('Infinity').transform(() => Number.POSITIVE_INFINITY)]).nullable()

const measured = z.number().nullable()

export const probeSchema = z.object({
  name: z.string(),
  kind: z.enum(['fma', 'matrix', 'memory', 'workgroup', 'dispatch', 'transfer']),
  unit: z.enum(['GFLOP/s', 'GOP/s', 'GB/s', 'µs']),
  value: measured,
  status: z.enum(['ok', 'failed', 'unsupported']),
  /** What this figure is an honest ceiling of. */
  ceilingOf: z.string(),
  note: z.string(),
  /** Element type of the operands, for arithmetic probes. */
  dtype: z.string().optional(),
  /** Element type of the accumulator, for matrix probes. */
  resultDtype: z.string().optional(),
  access: z.enum(['read', 'write', 'copy']).optional(),
  workingSetBytes: z.number().optional(),
})
export type Probe = z.infer<typeof probeSchema>

export const headerSchema = z.object({
  schema: z.literal(schemaVersion),
  kind: z.literal('header'),
  date: z.string(),
  commit: z.string(),
  /** Whether the checkout had changes beside the commit; null where that is unknown. */
  dirty: z.boolean().nullable(),
  version: z.string(),
  webgpu: z.string(),
  node: z.string(),
  os: z.string(),
  cpu: z.string(),
  adapter: z.object({ vendor: z.string(), architecture: z.string(), device: z.string(), description: z.string() }),
  software: z.boolean(),
  /** Driver as the adapter or its vendor's tool tells it. */
  driver: z.string(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.number()),
  subgroupMatrixConfigs: z.array(
    z.object({
      componentType: z.string(),
      resultComponentType: z.string(),
      m: z.number(),
      n: z.number(),
      k: z.number(),
    }),
  ),
  toggles: z.object({ enabled: z.array(z.string()), disabled: z.array(z.string()) }),
  profile: z.enum(['safe', 'fast']),
  quick: z.boolean(),
  /** Which measurements chose the kernels' variants; runs stored before there were any say nothing. */
  preferences: z.string().optional(),
  /** What a reader must know to judge the rows: clock, sample counts, flush size, what --quick leaves out. */
  method: z.string(),
  probes: z.array(probeSchema),
})
export type Header = z.infer<typeof headerSchema>

export const peerResultSchema = z.object({
  name: z.string(),
  version: z.string(),
  medianMs: measured,
  /** Ours by the same clock in alternation with the peer: the wall's, recording included. */
  oursMs: measured,
  /** The peer's median over ours, both by the wall clock; above 1 we are faster. */
  ratio: measured,
  note: z.string(),
})
export type PeerResult = z.infer<typeof peerResultSchema>

export const rowSchema = z.object({
  kind: z.literal('row'),
  /** `op/case`, or `model/case`, or `host/what`. */
  name: z.string(),
  op: z.string(),
  case: z.string(),
  /** The kernels that ran, as in `matmul/uniformRow`. */
  variant: z.string(),
  /** Whether the engine chose the variant itself; such rows are compared whatever it chose. */
  picked: z.boolean(),
  direction: z.enum(['forward', 'backward', 'host', 'model']),
  dtype: z.string(),
  shape: z.array(z.array(z.number())),
  options: z.record(z.string(), z.unknown()),
  status: z.enum(['ok', 'wrong', 'failed', 'unsupported', 'skipped']),
  /** Null where nothing affordable could judge the result; the note tells why. */
  correct: z.boolean().nullable(),
  maxRelError: errorSize,
  clock: z.enum(['timestamp', 'wall']).nullable(),
  samples: z.number(),
  /** Executions per sample. */
  repeats: z.number(),
  medianMs: measured,
  p20Ms: measured,
  p80Ms: measured,
  madMs: measured,
  cv: measured,
  /** One execution after the caches were overwritten. */
  coldMedianMs: measured,
  flops: z.number(),
  bytes: z.number(),
  gflops: measured,
  gbps: measured,
  /** Operations per byte. */
  intensity: measured,
  bound: z.enum(['compute', 'memory']).nullable(),
  /** Least time that the probes of this run allow, over the median. Not clamped. */
  fractionOfProbe: measured,
  /**
   * On software adapters, unless quick: executions per second of unchanging work of the same bound, in alternation with the samples. It
   * tells how fast the machine was just then.
   */
  pace: measured.default(null),
  peers: z.array(peerResultSchema),
  note: z.string(),
})
export type Row = z.infer<typeof rowSchema>

/** One run as stored. */
export interface Run {
  readonly header: Header
  readonly rows: readonly Row[]
}

/** One line of a JSONL file. */
export function toLine(value: Header | Row): string {
  return JSON.stringify(value, (_, item) => (item === Number.POSITIVE_INFINITY ? 'Infinity' : item))
}

/** Reads a JSONL file's text. Throws an error that names the first line that does not fit. */
export function parseRun(text: string, source: string): Run {
  const lines = text.split('\n').flatMap((line, i) => (line.trim() ? [{ line, at: i + 1 }] : []))
  const [first, ...rest] = lines
  if (!first) throw new Error(`${source}: is empty, not a benchmark run`)
  const header = parseLine(headerSchema, first, source)
  return { header, rows: rest.map((line) => parseLine(rowSchema, line, source)) }
}

function parseLine<T>(schema: z.ZodType<T>, { line, at }: { line: string; at: number }, source: string): T {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new Error(`${source}:${at}: is not JSON`, { cause })
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Error(`${source}:${at}: is not a line of schema ${schemaVersion}: ${z.prettifyError(result.error)}`)
}

/** What makes rows of two runs the same measurement. */
export function rowKey({ name, direction, dtype, picked, variant }: Row): string {
  return `${name}, ${direction}, ${dtype}${picked ? '' : `, ${variant}`}`
}
