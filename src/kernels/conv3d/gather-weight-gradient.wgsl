// dweight[a, t, b] = sum over the coarse voxels o of coarse[o, a] * fine[o * stride + t * dilation - padding, b], where a
// and b belong to the same group and positions outside `fine` count as 0.
//
// For conv3d, coarse is the result's gradient and fine the input; for convTranspose3d, coarse is the input and fine the
// result's gradient. Both are [N, D, H, W, C]; dweight is [parts, A, taps, B / groups] in f32.
//
// An invocation owns BLOCK channels a and one Value of channels b of one tap; neighbours own neighbouring elements of a
// weight's row. It walks the coarse rows of its part: all invocations of a workgroup read the same coarse voxels at the
// same time (a broadcast), each its own fine ones, and one read of each serves BLOCK * WIDTH multiply-adds. Rows are cut
// into parts because weights have few elements and volumes many voxels; another kernel adds the parts, so that no atomics
// are needed and the order of additions is fixed.

struct Params {
  fineSize: vec4u,    // D, H, W
  coarseSize: vec4u,  // D, H, W
  kernel: vec4u,      // D, H, W
  stride: vec4i,
  dilation: vec4i,
  padding: vec4i,
  lines: u32,         // N * D * H of coarse
  parts: u32,
  fineChannels: u32,  // of all groups, in Values
  coarseChannels: u32,
  groupFine: u32,     // of a group, in Values
  groupCoarse: u32,   // of a group
  groupBlocks: u32,   // ceil(groupCoarse / BLOCK)
  blocks: u32,        // of all groups
  columns: u32,       // taps * groupFine
  fineFirst: u32,     // where fine begins in its binding, in Values
  coarseFirst: u32,   // where coarse does, in numbers
}

@group(0) @binding(0) var<storage, read> coarse: array<Coarse>;
@group(0) @binding(1) var<storage, read> fine: array<Fine>;
@group(0) @binding(2) var<storage, read_write> dweight: array<Value>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let columnTiles = (params.columns + LANES - 1u) / LANES;
  let task = group.y * groups.x + group.x;
  let column = task % columnTiles * LANES + lane;
  let block = task / columnTiles % params.blocks;
  let part = task / (columnTiles * params.blocks);
  if (part >= params.parts || column >= params.columns) {
    return;
  }
  let channelGroup = block / params.groupBlocks;
  let firstCoarse = block % params.groupBlocks * BLOCK; // within the group
  let coarseBase = channelGroup * params.groupCoarse + firstCoarse;
  let fineBase = channelGroup * params.groupFine + column % params.groupFine;
  let tap = vec3u(
    column / (params.groupFine * params.kernel.y * params.kernel.z),
    column / (params.groupFine * params.kernel.z) % params.kernel.y,
    column / params.groupFine % params.kernel.z,
  );
  let shift = vec3i(tap) * params.dilation.xyz - params.padding.xyz;
  let fineSize = vec3i(params.fineSize.xyz);
  let span = (params.lines + params.parts - 1u) / params.parts;
  let end = min((part + 1u) * span, params.lines);

  var sums: array<Value, BLOCK>;
  for (var line = part * span; line < end; line++) {
    let oh = line % params.coarseSize.y;
    let od = line / params.coarseSize.y % params.coarseSize.x;
    let n = line / (params.coarseSize.y * params.coarseSize.x);
    let d = i32(od) * params.stride.x + shift.x;
    let h = i32(oh) * params.stride.y + shift.y;
    let lineInside = d >= 0 && d < fineSize.x && h >= 0 && h < fineSize.y;
    let fineLine = (i32(n) * fineSize.x + d) * fineSize.y + h;
    var at = params.coarseFirst + line * params.coarseSize.z * params.coarseChannels + coarseBase;
    for (var ow = 0u; ow < params.coarseSize.z; ow++) {
      let w = i32(ow) * params.stride.z + shift.z;
      let inside = lineInside && w >= 0 && w < fineSize.z;
      let voxel = select(0u, u32(fineLine * fineSize.z + w), inside);
      let value = select(Value(), Value(fine[params.fineFirst + voxel * params.fineChannels + fineBase]), inside);
      for (var i = 0u; i < BLOCK; i += COARSE_WIDTH) {
        // Channels behind the group's last are computed from that one and not stored.
        let channel = min(firstCoarse + i, params.groupCoarse - COARSE_WIDTH) - firstCoarse;
        let factors = CoarseValue(coarse[(at + channel) / COARSE_WIDTH]);
        for (var j = 0u; j < COARSE_WIDTH; j++) {
          sums[i + j] += component(factors, j) * value;
        }
      }
      at += params.coarseChannels;
    }
  }
  for (var i = 0u; i < BLOCK; i++) {
    if (firstCoarse + i < params.groupCoarse) {
      let row = part * params.coarseChannels + coarseBase + i;
      dweight[row * params.columns + column] = sums[i];
    }
  }
}
