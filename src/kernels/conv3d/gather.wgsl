// Convolution as a gather, for both directions: y[n, o, co] = activate(bias[co] + sum over taps t and channels c of the group
//
//   x[n, (o * multiply + t * step + offset) / divide, c] * weight[group, t, c, co])
//
// where a term counts only if the position is whole and inside x. A convolution has multiply = stride, step = dilation,
// offset = -padding, divide = 1; a transposed convolution, which is a convolution's gradient by its input, has
// multiply = 1, step = -dilation, offset = padding, divide = stride.
//
// Depthwise, the sum is over taps alone: a quad of output channels reads the same quad of x (PER_QUAD Values of it), and its
// terms are products of 4-vectors instead of a number and a 4-vector.
//
// Layouts: x [N, D, H, W, C], y [N, D, H, W, C'] with any numbers of channels; weight in 4-vectors of output channels
// ("quads", zero-padded) with the strides of Params, so that both PyTorch layouts and packed ones fit.
//
// An invocation owns one quad of output channels for VOXELS voxels along W whose positions in x are `multiply` apart, so
// that all of them see the same taps: with divide > 1 that is every divide-th voxel, and the taps that fall between the
// voxels of x are skipped for all at once. CHANNEL_LANES neighbours own neighbouring quads and read the same voxels (a
// broadcast; once per vector of lanes on a CPU); each weight read serves VOXELS voxels from registers. No barrier.
// Workgroups are numbered with voxels fastest, so that a panel of the weight stays in cache for all of them.

struct Params {
  inputSize: vec4u,   // D, H, W, N
  outputSize: vec4u,  // D, H, W, tiles of VOXELS along a strided row
  kernel: vec4u,      // D, H, W
  divide: vec4u,      // D, H, W
  multiply: vec4i,
  step: vec4i,
  offset: vec4i,
  rows: vec4u,        // voxels of one phase along D and H: ceil(output / divide)
  inputChannels: u32, // of all groups, in Values
  outputChannels: u32,
  groupInput: u32,    // channels of a group, in Values
  groupOutput: u32,   // channels of a group
  groupQuads: u32,
  quads: u32,         // of all groups
  weightGroup: u32,   // strides of the weight, in quads
  weightTap: u32,
  weightChannel: u32,
  tiles: u32,         // of voxels, in all
  inputFirst: u32,    // where x begins in its binding, in Values
  outputFirst: u32,   // where y does, in numbers
}

@group(0) @binding(0) var<storage, read> input: array<Input>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<Weight>>;
@group(0) @binding(2) var<storage, read> bias: array<Bias>;
@group(0) @binding(3) var<storage, read_write> y: array<Output>;
@group(1) @binding(0) var<uniform> params: Params;

// The position of a tap along one axis, or -1 where it falls between or outside the voxels of x.
fn position(output: u32, tap: u32, axis: u32) -> i32 {
  let at = i32(output) * params.multiply[axis] + i32(tap) * params.step[axis] + params.offset[axis];
  let divide = i32(params.divide[axis]);
  let whole = at / divide;
  let inside = at >= 0 && whole * divide == at && whole < i32(params.inputSize[axis]);
  return select(-1, whole, inside);
}

@compute @workgroup_size(CHANNEL_LANES, VOXEL_LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let voxelTiles = (params.tiles + VOXEL_LANES - 1u) / VOXEL_LANES;
  let task = group.y * groups.x + group.x;
  let tile = task % voxelTiles * VOXEL_LANES + local.y;
  let quad = task / voxelTiles * CHANNEL_LANES + local.x;
  if (tile >= params.tiles || quad >= params.quads) {
    return;
  }
  let channelGroup = select(0u, quad / params.groupQuads, GROUPED);
  let groupQuad = quad - channelGroup * params.groupQuads;

  // Tiles are numbered along W, H, D, N, and then by phase.
  let size = params.inputSize;
  var rest = tile / params.outputSize.w;
  let rowH = rest % params.rows.y;
  rest /= params.rows.y;
  let rowD = rest % params.rows.x;
  rest /= params.rows.x;
  let n = rest % size.w;
  rest /= size.w;
  let phaseW = rest % params.divide.z;
  rest /= params.divide.z;
  let oh = rowH * params.divide.y + rest % params.divide.y;
  let od = rowD * params.divide.x + rest / params.divide.y;
  let first = tile % params.outputSize.w * VOXELS; // in voxels of this phase
  let ow = first * params.divide.z + phaseW;
  if (od >= params.outputSize.x || oh >= params.outputSize.y) {
    return;
  }

  var sums: array<vec4f, VOXELS>;
  let weightBase = channelGroup * params.weightGroup + groupQuad;
  let channelBase = channelGroup * params.groupInput + PER_QUAD * groupQuad;
  let left = params.groupOutput - 1u - 4u * groupQuad;
  let apart = params.multiply.z;
  for (var kd = 0u; kd < params.kernel.x; kd++) {
    let d = position(od, kd, 0u);
    if (d < 0) {
      continue;
    }
    for (var kh = 0u; kh < params.kernel.y; kh++) {
      let h = position(oh, kh, 1u);
      if (h < 0) {
        continue;
      }
      let row = ((n * size.x + u32(d)) * size.y + u32(h)) * size.z;
      for (var kw = 0u; kw < params.kernel.z; kw++) {
        // Voxel v of this tile is at w + v * apart; those from `low` to `high` are inside.
        let numerator = i32(ow) * apart + i32(kw) * params.step.z + params.offset.z;
        let divide = i32(params.divide.z);
        if (numerator % divide != 0) {
          continue;
        }
        let w = numerator / divide;
        let low = max(0, (apart - 1 - w) / apart);
        let high = min(i32(VOXELS), (i32(size.z) - w + apart - 1) / apart);
        if (low >= high) {
          continue;
        }
        var at: array<u32, VOXELS>;
        for (var v = 0u; v < VOXELS; v++) {
          let inside = clamp(i32(v), low, high - 1);
          at[v] = params.inputFirst + (row + u32(w + inside * apart)) * params.inputChannels + channelBase;
        }
        let tap = (kd * params.kernel.y + kh) * params.kernel.z + kw;
        let weights = weightBase + tap * params.weightTap;
        for (var c = 0u; c < params.groupInput; c++) {
          var values: array<Value, VOXELS>;
          for (var v = 0u; v < VOXELS; v++) {
            let inside = i32(v) >= low && i32(v) < high;
            values[v] = select(Value(), valueAt(at[v] + c, left), inside);
          }
          for (var i = 0u; i < TERMS; i++) {
            let factor = vec4f(weight[weights + (c * TERMS + i) * params.weightChannel]);
            for (var v = 0u; v < VOXELS; v++) {
              sums[v] += component(values[v], i) * factor;
            }
          }
        }
      }
    }
  }

  let line = ((n * params.outputSize.x + od) * params.outputSize.y + oh) * params.outputSize.z;
  let channel = channelGroup * params.groupOutput + 4u * groupQuad;
  for (var v = 0u; v < VOXELS; v++) {
    let voxel = ow + v * params.divide.z;
    if (voxel < params.outputSize.z) {
      for (var i = 0u; i < 4u; i++) {
        if (4u * groupQuad + i < params.groupOutput) {
          var value = sums[v][i];
          if (HAS_BIAS) {
            value += f32(bias[channel + i]);
          }
          y[params.outputFirst + (line + voxel) * params.outputChannels + channel + i] = Output(activate(value));
        }
      }
    }
  }
}
