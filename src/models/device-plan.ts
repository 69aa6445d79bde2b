/** Preprocessing on the device, as `planPreprocess` of the data layer plans it. */
import type { DevicePass, DevicePlan } from '../data/index.js'
import { type Device, scope, type Tensor, tensor } from '../engine/index.js'
import { affine, bandedAxis, clamp, flip, pad, permute, reshape, warp3d } from '../kernels/index.js'

/**
 * The prepared volume `[1, D, H, W, 1]`, f32: what `preprocess` gives, to the rounding of f32 arithmetic. Resampling
 * takes its positions and weights from the plan, in float64; oblique grids are mapped in fixed point. Nearest-neighbour
 * results are the same voxels, but for places exactly halfway between two on an oblique grid.
 *
 * @throws LimitError when the scan or a stage of it is beyond the adapter's binding limit.
 */
export function runDevicePlan(device: Device, { data, shape, passes }: DevicePlan): Tensor {
  return scope(() => {
    const prepared = passes.reduce(runPass, tensor(device, data, shape))
    return reshape(prepared, [1, ...prepared.shape, 1])
  })
}

/** Frees what each pass leaves behind: a scan may fill much of a device. */
function runPass(x: Tensor, pass: DevicePass): Tensor {
  const y = scope(() => passed(x, pass))
  if (y !== x) x.dispose()
  return y
}

function passed(x: Tensor, pass: DevicePass): Tensor {
  switch (pass.kind) {
    case 'orient': {
      const reversed = [0, 1, 2].filter((axis) => pass.flipped[axis])
      const turned = permute(x, pass.axes)
      return reversed.length === 0 ? turned : flip(turned, reversed)
    }
    case 'bands':
      return bandedAxis(x, { axis: pass.axis, bands: pass.bands })
    case 'warp': {
      const { map, size, interpolation, outside } = pass
      const volume = reshape(x, [1, ...x.shape, 1])
      return reshape(warp3d(volume, { maps: [map], size, interpolation, outside }), size)
    }
    case 'box':
      return pad(
        x,
        pass.first.map((first, axis) => [-first, first + pass.size[axis]! - x.shape[axis]!]),
        { value: pass.value },
      )
    case 'clamp':
      return clamp(x, pass.min, pass.max)
    case 'linear':
      return affine(x, pass.slope, pass.intercept)
  }
}
