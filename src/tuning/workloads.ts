/** The work that `voxgrad tune` measures: the operations' own cases, and what the models launch. */
import { operationWorkload, type Workload } from '../engine/index.js'
import { definedOps, type OpDefinition } from '../engine/op.js'
import '../kernels/index.js'
import { modelWorkloads } from '../models/index.js'

/** `bench`: the cases that operations are benchmarked on. `models`: what the models launch. */
export type Shapes = 'all' | 'models' | 'bench'

export interface WorkloadSelection {
  readonly shapes: Shapes
  /** Names of operations and models. */
  readonly op?: RegExp | undefined
  readonly dtypes: readonly ('f32' | 'f16')[]
}

/** Workloads in a fixed order: operations by name, each with its cases as they stand, then models. */
export function tuningWorkloads({ shapes, op, dtypes }: WorkloadSelection): Workload[] {
  const named = (name: string) => op?.test(name) ?? true
  const ops = (definedOps() as unknown as OpDefinition<unknown>[])
    .filter(({ name }) => shapes !== 'models' && named(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const models = shapes === 'bench' ? [] : modelWorkloads.filter(({ model }) => named(model))
  return [
    ...ops.flatMap((each) =>
      each.cases
        .filter(({ bench }) => bench)
        .flatMap((test) =>
          dtypes.filter((dtype) => takes(test, dtype)).map((dtype) => operationWorkload(each, test, dtype)),
        ),
    ),
    ...models.flatMap(({ workloads }) => dtypes.flatMap(workloads)),
  ]
}

/** Cases without floats are the same in every type. */
const takes = ({ inputs }: OpDefinition<unknown>['cases'][number], dtype: 'f32' | 'f16'): boolean =>
  dtype === 'f32' || inputs.some((input) => (input.dtype ?? 'f32') === 'f32')
