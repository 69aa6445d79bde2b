// Reads an array of 16-byte vectors again and again; the sum keeps the loads alive.
//
// `vectors` is a power of two and the index wraps, so that a small array is read many times in one dispatch; each
// invocation works on `steps` vectors. Which ones decides how fast it goes: SIDE_BY_SIDE, all workgroups advance together,
// which suits the channels of GPU memory; STRETCH_PER_WORKGROUP suits its pages; STRETCH_PER_INVOCATION suits CPUs, which
// run an invocation's whole loop before they turn to the next.

struct Params {
  vectors: u32,
  steps: u32,
}

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;
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
  var sum = vec4<f32>();
  for (var step = 0u; step < params.steps; step++) {
    sum += source[index & mask];
    index += stride;
  }
  result[lane] = sum;
}
