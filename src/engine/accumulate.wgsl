// target[i] (+)= f32(value[i])
//
// Adds gradients up in f32 whatever their storage, and converts between storages.
// One invocation per element; bound by memory. Value and Target are f32 or f16; with ADD, Target is f32.

struct Params {
  count: u32,
}

@group(0) @binding(0) var<storage, read> value: array<Value>;
@group(0) @binding(1) var<storage, read_write> sum: array<Target>;
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
  var total = f32(value[i]);
  if (ADD) {
    total += f32(sum[i]);
  }
  sum[i] = Target(total);
}
