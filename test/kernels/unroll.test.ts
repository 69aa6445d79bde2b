/** WGSL that is written out before it is compiled. */
import { expect, it } from 'vitest'
import { unroll } from '../../src/kernels/gemm/unroll.js'

it('writes blocks out for every index, nested ones too, and leaves other words alone', () => {
  const wgsl = `before R
// each R
var sum_R: f32 = Rest[R * ROWS];
// each Q
sum_R_Q += x_R.x * y_Q_1;
// end
// end
// each Q, again
last(Q);
// end
after Q`
  expect(unroll(wgsl, { R: 2, Q: 2 }).split('\n')).toEqual([
    'before R',
    'var sum_0: f32 = Rest[0u * ROWS];',
    'sum_0_0 += x_0.x * y_0_1;',
    'sum_0_1 += x_0.x * y_1_1;',
    'var sum_1: f32 = Rest[1u * ROWS];',
    'sum_1_0 += x_1.x * y_0_1;',
    'sum_1_1 += x_1.x * y_1_1;',
    'last(0u);',
    'last(1u);',
    'after Q',
  ])
})

it('writes nothing for none', () => {
  expect(unroll('a\n  // each R\nb\n  // end\nc', { R: 0 })).toBe('a\nc')
})
