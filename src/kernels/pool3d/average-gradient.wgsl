// dx[p] = sum of dy[o] / divisor of o, over the windows o that hold p.
//
// The transpose of average.wgsl as a gather: one invocation owns one vector of dx and adds the windows over it in a
// fixed order, so that no atomics are needed and the result is deterministic. f32 accumulation. Neighbours own
// neighbouring channels, then columns. Precondition: dilation 1, so that a window holds all that it spans.

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
  let place = placeOf(i, extents());
  let size = outputs();
  let origin = originOf(place, size);
  let depth = windowsOver(params.axes[0], place.at.x);
  let height = windowsOver(params.axes[1], place.at.y);
  let width = windowsOver(params.axes[2], place.at.z);
  var sum = Vector();
  for (var d = depth.x; d <= depth.y; d++) {
    let slab = windowOf(params.axes[0], d).divisor;
    for (var h = height.x; h <= height.y; h++) {
      let area = slab * windowOf(params.axes[1], h).divisor;
      let row = (d * size.y + h) * size.z;
      for (var w = width.x; w <= width.y; w++) {
        let divisor = area * windowOf(params.axes[2], w).divisor;
        sum += Vector(dy[origin + u32(row + w) * params.channels]) / f32(divisor);
      }
    }
  }
  dx[i] = Target(sum);
}
