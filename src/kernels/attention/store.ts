/** How attention kernels write what they made: as it is, or as part of a result that a second pass puts together. */
import { type AttentionProblem, vectorWidth } from './problem.js'
import type { Binding } from './source.js'
import { elementType } from './source.js'

/** Outputs of a kernel, and the WGSL functions that write them. */
export interface Store {
  readonly outputs: readonly Binding[]
  readonly code: string
}

/** Writes a `Value` to a buffer of numbers. */
const spread = (headDim: number, buffer: string, value: string): string =>
  vectorWidth(headDim) === 4
    ? ['x', 'y', 'z', 'w'].map((part, i) => `${buffer}[4u * at + ${i}u] = ${value}.${part};`).join(' ')
    : `${buffer}[at] = ${value};`

/** y and its statistics, or parts of them in one buffer: all parts of y, then all parts of the statistics. */
export function forwardStore({ headDim, dtype }: AttentionProblem, split: boolean): Store {
  if (!split) {
    return {
      outputs: [
        ['y', elementType(headDim, dtype)],
        ['statistics', 'f32'],
      ],
      code: `
fn storeValue(part: u32, i: u32, value: Value) { y[i] = Stored(value); }
fn storeStatistics(part: u32, row: u32, largest: f32, total: f32) {
  statistics[row] = largest;
  statistics[params.batch * params.heads * params.queries + row] = total;
}`,
    }
  }
  return {
    outputs: [['partial', 'f32']],
    code: `
fn partSize() -> u32 { return params.batch * params.queries * params.heads * COLUMNS; }
fn storeValue(part: u32, i: u32, value: Value) {
  let at = part * partSize() + i;
  ${spread(headDim, 'partial', 'value')}
}
fn storeStatistics(part: u32, row: u32, largest: f32, total: f32) {
  let rows = params.batch * params.heads * params.queries;
  let at = params.parts * partSize() * ${vectorWidth(headDim)}u + part * 2u * rows + row;
  partial[at] = largest;
  partial[at + rows] = total;
}`,
  }
}

/** dq, or parts of it. */
export function queryGradientStore({ headDim, dtype }: AttentionProblem, split: boolean): Store {
  const turn = 'if (ROPE) { value = turnedBack(left, queryRopeRow(batch, row), column); }'
  const head = `
fn storeGradients(part: u32, batch: u32, head: u32, row: u32, column: u32, left: Value, right: Value) {
  var value = left;
  ${turn}
  let i = queryIndex(batch, head, row) + column;`
  if (!split) return { outputs: [['dq', elementType(headDim, dtype)]], code: `${head}\n  dq[i] = Stored(value);\n}` }
  const place = 'let at = part * params.batch * params.queries * params.heads * COLUMNS + i;'
  return {
    outputs: [['partial', 'f32']],
    code: `${head}\n  ${place}\n  ${spread(headDim, 'partial', 'value')}\n}`,
  }
}

/** dk and dv. */
export function keyGradientStore({ headDim, dtype }: AttentionProblem): Store {
  return {
    outputs: [
      ['dk', elementType(headDim, dtype)],
      ['dv', elementType(headDim, dtype)],
    ],
    code: `
fn storeGradients(part: u32, batch: u32, head: u32, row: u32, column: u32, left: Value, right: Value) {
  var value = left;
  if (ROPE) { value = turnedBack(left, keyRopeRow(batch, row), column); }
  let i = keyIndex(batch, head, row) + column;
  dk[i] = Stored(value);
  dv[i] = Stored(right);
}`,
  }
}
