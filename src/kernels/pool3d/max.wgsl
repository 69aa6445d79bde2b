// pooled[o] = largest element of window o of source; NaN is larger than anything. With RECORDS also winner[o], the
// position (d * H + h) * W + w of the first such element (of the last NaN), or -1 if the window holds none.
//
// Arrays are [N, D, H, W, C] by vectors of channels; windows.wgsl has the windows. One invocation makes one vector of
// the pooled volume, and neighbours own neighbouring channels, then columns: each load is coalesced, and what windows
// share comes from cache. Bound by memory.

@group(0) @binding(0) var<storage, read> source: array<Source>;
@group(0) @binding(1) var<storage, read_write> pooled: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

// On bits, because compilers may assume that floats are never NaN.
fn isNan(value: Vector) -> Mask {
  return (bitcast<Bits>(value) & Bits(0x7fffffffu)) > Bits(0x7f800000u);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.count) {
    return;
  }
  let place = placeOf(i, outputs());
  let size = extents();
  let origin = originOf(place, size);
  let depth = windowOf(params.axes[0], place.at.x);
  let height = windowOf(params.axes[1], place.at.y);
  let width = windowOf(params.axes[2], place.at.z);
  var largest = Vector(params.lowest);
  var first = Index(-1);
  for (var d = depth.first; d < depth.end; d += params.axes[0].dilation) {
    for (var h = height.first; h < height.end; h += params.axes[1].dilation) {
      let row = (d * size.y + h) * size.z;
      for (var w = width.first; w < width.end; w += params.axes[2].dilation) {
        let value = Vector(source[origin + u32(row + w) * params.channels]);
        let larger = (value > largest) & !isNan(largest);
        let wins = (first < Index(0)) | isNan(value) | larger;
        largest = select(largest, value, wins);
        first = select(first, Index(row + w), wins);
      }
    }
  }
  pooled[i] = Target(largest);
  record(i, first);
}
