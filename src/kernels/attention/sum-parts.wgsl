// result[i] = sum over p of partial[p, i]: puts the parts of a gradient together.
//
// One invocation owns one number; neighbours are neighbours in memory. Parts are few.

struct Params {
  size: u32,
  parts: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.size) {
    return;
  }
  var sum = 0.0;
  for (var p = 0u; p < params.parts; p++) {
    sum += partial[p * params.size + i];
  }
  result[i] = Output(sum);
}
