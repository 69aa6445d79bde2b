// y[o, a, i] = sourceAt(winner) where claim.wgsl found a winner, else x[o, a, i]
//
// Forward: the header's sourceAt reads src [outer, length, inner]. Gradient of x: x is dy and sourceAt is 0. Values
// move as bits. One invocation writes one element.

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
  let winner = winners[n];
  if (winner == 0u) {
    y[n] = x[n];
    return;
  }
  let i = n % params.inner;
  let o = n / params.inner / params.extent;
  y[n] = sourceAt((o * params.length + winner - 1u) * params.inner + i);
}
