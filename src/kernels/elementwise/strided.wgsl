// output[i] = compute(input0[...], input1[...], ...) with NumPy broadcasting, for outputs of up to 8 axes.
//
// The generated header declares the inputs, the output and `computeAt(offsets)`. Axes over which all inputs step alike
// were merged on the host, so that most broadcasts arrive with a RANK of 2 or 3. One invocation makes one element and
// takes its index apart from the last axis on.

struct Params {
  count: u32,
  options: vec3<f32>,                     // at byte 16
  extents: array<vec4<u32>, 2>,           // merged output shape, last axis first
  strides: array<array<vec4<u32>, 2>, 4>, // element strides of each input in the same order; 0 along broadcast axes
}

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
  var rest = i;
  var offsets = vec4<u32>();
  for (var axis = 0u; axis < RANK; axis++) {
    let extent = params.extents[axis / 4u][axis % 4u];
    let position = rest % extent;
    rest /= extent;
    for (var k = 0u; k < INPUTS; k++) {
      offsets[k] += position * params.strides[k][axis / 4u][axis % 4u];
    }
  }
  output[i] = computeAt(offsets);
}
