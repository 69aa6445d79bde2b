// Stochastic gradient descent, in place, in PyTorch's convention:
//   d = gradientScale g + weightDecay p;  b = momentum b + blend d;  p -= lr (nesterov ? d + momentum b : b)
//
// blend is 1 - dampening, and 1 at the first step, where b starts as zeros. Without momentum
// there is no b, and p -= lr d; the header's `descent` tells the cases apart. One invocation owns four elements. The
// last vector may reach past the tensor, never past its buffer.

struct Params {
  count: u32, // vectors
  rate: f32,
  weightDecay: f32,
  momentum: f32,
  blend: f32,
  gradientScale: f32,
}

@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> parameter: array<vec4<f32>>;
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
  let p = parameter[i];
  let direction = params.gradientScale * gradient[i] + params.weightDecay * p;
  parameter[i] = p - params.rate * descent(i, direction);
}
