// output[i] = compute(input0[i], input1[i], ...) where every input has the output's size, or one element.
//
// The generated header declares the inputs and the output as arrays of 4-vectors (single elements as arrays of one),
// and `computeVector(i)`: four elements at once. One invocation makes one vector; neighbours touch neighbouring memory.
// Bound by memory. The last vector may reach past the tensor, never past its buffer, whose length is a multiple of 32.

struct Params {
  count: u32,         // vectors in this window
  options: vec3<f32>, // at byte 16
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < params.count) {
    output[i] = computeVector(i);
  }
}
