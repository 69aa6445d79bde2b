// output[i] = compute(input0[i], input1[i], ...) where every input has the output's size, or one element, or is a row
// that repeats (a bias, a layer scale), or a column whose elements repeat in runs (a statistic per row).
//
// The generated header declares the inputs and the output, as arrays of 4-vectors where four neighbours are read at
// once, and `computeVector(i)`: four elements of output. One invocation makes one vector; neighbours touch neighbouring
// memory. Bound by memory: a repeating input costs one division per vector, where the strided kernel divides per element
// and axis. The last vector may reach past the tensor, never past its buffer, whose length is a multiple of 32.

struct Params {
  count: u32,         // vectors in this window
  options: vec3<f32>, // at byte 16
  first: u32,         // vectors in front of this window
  own: vec4<u32>,     // per input: elements of a column, vectors of a row
  inner: vec4<u32>,   // per input: vectors over which an element of a column repeats
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
