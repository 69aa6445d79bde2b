import type { Tensor } from '../../../../src/engine/index.js'
import { permute } from '../../../../src/kernels/layout/index.js'
import { adaptiveAvgPool3d, adaptiveMaxPool3d, avgPool3d, maxPool3d } from '../../../../src/kernels/pool3d/index.js'
import { resize3d } from '../../../../src/kernels/resize3d/index.js'
import type { OpAdapter, OpAdapters, OpInputs } from './adapter.js'

/** An operation on channels-last volumes, on PyTorch's layout. */
const channelsFirst =
  (fn: (x: Tensor, params: OpInputs['params']) => Tensor): OpAdapter =>
  ({ x, params }) => ({ y: permute(fn(permute(x.x!, [0, 2, 3, 4, 1]), params), [0, 4, 1, 2, 3]) })

export const volumeSamplingAdapters: OpAdapters = {
  max_pool3d: channelsFirst((x, { kernel, stride, padding, dilation, ceil_mode: ceilMode }) =>
    maxPool3d(x, { kernel, stride, padding, dilation, ceilMode }),
  ),
  avg_pool3d: channelsFirst((x, { kernel, stride, padding, ceil_mode: ceilMode, count_include_pad: countIncludePad }) =>
    avgPool3d(x, { kernel, stride, padding, ceilMode, countIncludePad }),
  ),
  adaptive_avg_pool3d: channelsFirst((x, { output_size: size }) => adaptiveAvgPool3d(x, size)),
  adaptive_max_pool3d: channelsFirst((x, { output_size: size }) => adaptiveMaxPool3d(x, size)),
  interpolate_trilinear: channelsFirst((x, { size, align_corners: alignCorners }) =>
    resize3d(x, size, { mode: 'trilinear', alignCorners }),
  ),
  interpolate_nearest: channelsFirst((x, { size }) => resize3d(x, size, { mode: 'nearest' })),
  interpolate_area: channelsFirst((x, { size }) => resize3d(x, size, { mode: 'area' })),
}
