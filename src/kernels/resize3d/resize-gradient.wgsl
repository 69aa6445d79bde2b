// dx[p] = sum of weight * dy[o] over the outputs o that p contributes to.
//
// The transpose of resize.wgsl as a gather: one invocation owns one vector of dx and walks the box of outputs around it,
// exact by integer arithmetic, in a fixed order, so that no atomics are needed and the result is deterministic. All
// invocations together read each dy eight times (NEAREST: once), from cache. Weights along an axis are computed where
// that axis's loop is. f32 accumulation; neighbours own neighbouring channels, then columns.

@group(0) @binding(0) var<storage, read> dy: array<Source>;
@group(0) @binding(1) var<storage, read_write> dx: array<Target>;
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
  let axes = array<Axis, 3>(axisAt(0u), axisAt(1u), axisAt(2u));
  let place = placeOf(i, vec3i(axes[0].extent, axes[1].extent, axes[2].extent));
  let size = vec3i(axes[0].outputs, axes[1].outputs, axes[2].outputs);
  let origin = originOf(place, size);
  let depth = outputsOver(axes[0], place.at.x);
  let height = outputsOver(axes[1], place.at.y);
  let width = outputsOver(axes[2], place.at.z);
  var sum = Vector();
  for (var d = depth.x; d <= depth.y; d++) {
    var slab = Vector();
    for (var h = height.x; h <= height.y; h++) {
      let first = (d * size.y + h) * size.z;
      var row = Vector();
      for (var w = width.x; w <= width.y; w++) {
        row += weightOf(axes[2], place.at.z, w) * Vector(dy[origin + u32(first + w) * params.channels]);
      }
      slab += weightOf(axes[1], place.at.y, h) * row;
    }
    sum += weightOf(axes[0], place.at.x, d) * slab;
  }
  dx[i] = Target(sum);
}
