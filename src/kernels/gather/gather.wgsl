// y[o, j, i] = x[o, index, i], 0 where the index is outside [0, extent)
//   SHARED: index[j], one list for all lines (indexSelect, embedding)    else: index[o, j, i] (gather)
//
// x is [outer, extent, inner], y is [outer, length, inner]. Values move as bits: Element is f16, u32, or with SHARED a
// vector of them, whose number then is `inner`. One invocation writes one Element of y. The header's `won`
// says which positions count: all, or in the gradient of scatter those that won their place; others give 0.

struct Params {
  count: u32,
  extent: u32,
  length: u32,
  inner: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.y * groups.x + group.x) * 256u + lane;
  if (n >= params.count) {
    return;
  }
  let i = n % params.inner;
  let j = n / params.inner % params.length;
  let o = n / params.inner / params.length;
  // A negative index wraps to a large one.
  let id = u32(index[select(n, j, SHARED)]);
  var picked = Element();
  if (id < params.extent) {
    let place = (o * params.extent + id) * params.inner + i;
    if (won(place, j)) {
      picked = x[place];
    }
  }
  y[n] = picked;
}
