// Writes an array of 16-byte vectors again and again. Indexing as in memory-read.wgsl.

struct Params {
  vectors: u32,
  steps: u32,
}

@group(0) @binding(0) var<storage, read_write> result: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let mask = params.vectors - 1u;
  var index = workgroup.x * 64u + lane;
  var stride = workgroups.x * 64u;
  if (STRETCH_PER_WORKGROUP) {
    index = workgroup.x * params.steps * 64u + lane;
    stride = 64u;
  } else if (STRETCH_PER_INVOCATION) {
    index *= params.steps;
    stride = 1u;
  }
  let value = vec4<f32>(f32(lane));
  for (var step = 0u; step < params.steps; step++) {
    result[index & mask] = value;
    index += stride;
  }
}
