// dx[p] = sum of dy[o] over the windows o whose winner is p.
//
// The transpose of max.wgsl as a gather: one invocation owns one vector of dx and looks at the windows that span it, a
// few, in a fixed order, so that no atomics are needed and the result is deterministic. f32 accumulation. Neighbours own
// neighbouring channels, then columns; dy and winner are read together.

@group(0) @binding(0) var<storage, read> dy: array<Source>;
@group(0) @binding(1) var<storage, read> winner: array<Index>;
@group(0) @binding(2) var<storage, read_write> dx: array<Target>;
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
  let inner = extents();
  let place = placeOf(i, inner);
  let size = outputs();
  let origin = originOf(place, size);
  let own = Index((place.at.x * inner.y + place.at.y) * inner.z + place.at.z);
  let depth = windowsOver(params.axes[0], place.at.x);
  let height = windowsOver(params.axes[1], place.at.y);
  let width = windowsOver(params.axes[2], place.at.z);
  var sum = Vector();
  for (var d = depth.x; d <= depth.y; d++) {
    for (var h = height.x; h <= height.y; h++) {
      let row = (d * size.y + h) * size.z;
      for (var w = width.x; w <= width.y; w++) {
        let o = origin + u32(row + w) * params.channels;
        sum += select(Vector(), Vector(dy[o]), winner[o] == own);
      }
    }
  }
  dx[i] = Target(sum);
}
