// sums[n, start + (i, j, k), c] += weights[i, j, k] values[i, j, k, c], in place: one window of a blended volume.
//
// sums [N, H, W, D, C], weights [h, w, d], values [h, w, d, C], all row-major f32. One invocation owns one element of the
// window, so nothing is added twice within a dispatch; dispatches on one buffer run in order. Memory-bound.

struct Params {
  count: u32, // h w d C
  channels: u32,
  window_width: u32, // w
  window_depth: u32, // d
  width: u32, // W
  depth: u32, // D
  origin: u32, // voxel of the sums that the window's first one falls on
}

@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let element = (group.y * groups.x + group.x) * 256u + lane;
  if (element >= params.count) {
    return;
  }
  let voxel = element / params.channels;
  let line = voxel / params.window_depth;
  let k = voxel % params.window_depth;
  let i = line / params.window_width;
  let j = line % params.window_width;
  let place = params.origin + (i * params.width + j) * params.depth + k;
  let target_element = place * params.channels + element % params.channels;
  sums[target_element] += weights[voxel] * values[element];
}
