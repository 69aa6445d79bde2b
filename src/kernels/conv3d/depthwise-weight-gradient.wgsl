// The gradient of a depthwise weight: dweight[part, c, t] = sum over the part's coarse voxels o of
// coarse[o, c] * fine[o * stride + t * dilation - padding, c], where positions outside `fine` count as 0.
//
// Layouts: coarse and fine [N, D, H, W, C], dweight [parts, C, taps] in f32.
//
// An invocation owns four channels and up to TAPS neighbouring taps along W, so that a read of coarse serves all of them;
// neighbours own neighbouring channels. It walks the coarse lines of its part; another kernel adds the parts.

struct Params {
  fineSize: vec4u,   // D, H, W
  coarseSize: vec4u, // D, H, W
  kernel: vec4u,     // D, H, W, and ceil(W / TAPS)
  stride: vec4i,
  dilation: vec4i,
  padding: vec4i,
  lines: u32,        // N * D * H of coarse
  parts: u32,
  channels: u32,
  quads: u32,        // ceil(channels / 4)
  fineFirst: u32,    // elements of the bindings at which the volumes begin
  coarseFirst: u32,
}

@group(0) @binding(0) var<storage, read> coarse: array<Coarse>;
@group(0) @binding(1) var<storage, read> fine: array<Fine>;
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // Numbered along channels, then taps, then parts.
  let task = (group.y * groups.x + group.x) * LANES + lane;
  let quad = task % params.quads;
  let rest = task / params.quads;
  let firstW = rest % params.kernel.w * TAPS;
  let lineTap = rest / params.kernel.w % (params.kernel.x * params.kernel.y);
  let part = rest / (params.kernel.w * params.kernel.x * params.kernel.y);
  if (part >= params.parts) {
    return;
  }
  let left = params.channels - 1u - 4u * quad;
  let tap = vec3i(vec3u(lineTap / params.kernel.y, lineTap % params.kernel.y, firstW));
  let shift = tap * params.dilation.xyz - params.padding.xyz;
  let fineSize = vec3i(params.fineSize.xyz);
  let span = (params.lines + params.parts - 1u) / params.parts;
  let end = min((part + 1u) * span, params.lines);

  var sums: array<vec4f, TAPS>;
  for (var line = part * span; line < end; line++) {
    let slice = line / params.coarseSize.y;
    let d = i32(slice % params.coarseSize.x) * params.stride.x + shift.x;
    let h = i32(line % params.coarseSize.y) * params.stride.y + shift.y;
    if (d < 0 || d >= fineSize.x || h < 0 || h >= fineSize.y) {
      continue;
    }
    let fineLine = u32((i32(slice / params.coarseSize.x) * fineSize.x + d) * fineSize.y + h) * params.fineSize.z;
    for (var ow = 0u; ow < params.coarseSize.z; ow++) {
      let voxel = line * params.coarseSize.z + ow;
      let factor = coarseAt(params.coarseFirst / PER_VALUE + (voxel * params.channels + 4u * quad) / PER_VALUE, left);
      for (var t = 0u; t < TAPS; t++) {
        let w = i32(ow) * params.stride.z + shift.z + i32(t) * params.dilation.z;
        let inside = w >= 0 && w < fineSize.z;
        let at = (fineLine + select(0u, u32(w), inside)) * params.channels + 4u * quad;
        let value = fineAt(params.fineFirst / PER_VALUE + at / PER_VALUE, left);
        sums[t] += factor * select(vec4f(), value, inside);
      }
    }
  }
  let taps = params.kernel.x * params.kernel.y * params.kernel.z;
  for (var t = 0u; t < TAPS; t++) {
    if (firstW + t < params.kernel.z) {
      for (var i = 0u; i < min(4u, left + 1u); i++) {
        let channel = part * params.channels + 4u * quad + i;
        dweight[channel * taps + lineTap * params.kernel.z + firstW + t] = sums[t][i];
      }
    }
  }
}
