import { join } from 'node:path'
import type { TrainingObserver } from '../trainer/events.js'
import { CurvesFile } from './curves.js'
import { EventFile } from './event-file.js'
import { MetricsFile } from './metrics-file.js'

/** Observers that write `metrics.jsonl`, TensorBoard's events and `curves.html` into a folder that is there. */
export function logTo(
  folder: string,
  { title, curvesEverySeconds }: { readonly title: string; readonly curvesEverySeconds: number },
): TrainingObserver[] {
  const metrics = new MetricsFile(join(folder, 'metrics.jsonl'))
  const curves = new CurvesFile(join(folder, 'curves.html'), { title, lines: metrics.lines }, curvesEverySeconds)
  // The curves read what the metrics have just got.
  return [metrics, new EventFile(folder), curves]
}
