// pooled[o] = sum of the elements of window o of source / the window's divisor.
//
// Arrays are [N, D, H, W, C] by vectors of channels; windows.wgsl has the windows and their divisors. One invocation
// makes one vector of the pooled volume, and neighbours own neighbouring channels, then columns: each load is coalesced,
// and what windows share comes from cache. f32 accumulation. Bound by memory. Precondition: dilation 1.

@group(0) @binding(0) var<storage, read> source: array<Source>;
@group(0) @binding(1) var<storage, read_write> pooled: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

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
  var sum = Vector();
  for (var d = depth.first; d < depth.end; d++) {
    for (var h = height.first; h < height.end; h++) {
      let row = (d * size.y + h) * size.z;
      for (var w = width.first; w < width.end; w++) {
        sum += Vector(source[origin + u32(row + w) * params.channels]);
      }
    }
  }
  pooled[i] = Target(sum / f32(depth.divisor * height.divisor * width.divisor));
}
