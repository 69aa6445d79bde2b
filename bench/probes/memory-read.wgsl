// Reads an array of 16-byte vectors again and again; the sum keeps the loads alive.
//
// BLOCKED: each workgroup streams through a stretch of its own, which suits the prefetchers of CPUs; otherwise all
// workgroups advance side by side, which suits the channels of GPU memory. `vectors` is a power of two, and the index
// wraps, so that a small array is read many times in one dispatch. Each invocation works on `steps` vectors.

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
  var start = workgroup.x * 64u + lane;
  var stride = workgroups.x * 64u;
  if (BLOCKED) {
    start = workgroup.x * params.steps * 64u + lane;
    stride = 64u;
  }
  var sum = vec4<f32>();
  var index = start;
  for (var step = 0u; step < params.steps; step++) {
    sum += source[index & mask];
    index += stride;
  }
  result[lane] = sum;
}
