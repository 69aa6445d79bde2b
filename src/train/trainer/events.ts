/** What a trainer tells whoever watches. */
import type { HeldOutSplit } from '../task.js'

/** A step that was done. */
export interface StepEvent {
  /** From 1: steps done, this one included. */
  readonly step: number
  readonly totalSteps: number
  readonly epoch: number
  readonly loss: number
  /** The recipe's own numbers. */
  readonly metrics: Readonly<Record<string, number>>
  readonly learningRate: number
  /** Of all gradients together, before clipping; not finite in a step that was left out. */
  readonly gradientNorm: number
  /** With f16 only. */
  readonly lossScale?: number | undefined
  /** Whether gradients overflowed f16, so that parameters stayed as they were. */
  readonly skipped: boolean
  /** Of all processes; over the steps since the last event, without validation and checkpoints. */
  readonly samplesPerSecond: number
  /** Wall-clock time since training began or was resumed. */
  readonly elapsedMs: number
  /** Bytes of tensors on the device: now, and the most since the last event. */
  readonly liveBytes: number
  readonly peakBytes: number
}

export interface EvaluationEvent {
  readonly step: number
  readonly split: HeldOutSplit
  readonly scores: Readonly<Record<string, number>>
  /** Whether these weights are the best so far. */
  readonly best: boolean
}

/** Called one after the other; training waits for what they return. */
export interface TrainingObserver {
  /** Before the first step. `step` are done already, where a run goes on. */
  onBegin?(event: { readonly step: number; readonly totalSteps: number }): void | Promise<void>
  onStep?(event: StepEvent): void | Promise<void>
  onEvaluation?(event: EvaluationEvent): void | Promise<void>
  onCheckpoint?(event: { readonly step: number; readonly path: string }): void | Promise<void>
  /** At the end, also that of a run that was stopped or failed. */
  onEnd?(): void | Promise<void>
}
