// AdamW (Loshchilov, Hutter: "Decoupled weight decay regularization", 2019) in one pass, in place:
//   g *= gradientScale;  p *= decay;  m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2
//   p -= rate m / (sqrt(v) correction + epsilon)
//
// The host puts the step's numbers together in float64: decay = 1 - lr weightDecay, rate = lr / (1 - beta1^t),
// correction = 1 / sqrt(1 - beta2^t). One invocation owns four elements; bound by memory: 16 bytes read and 12 written
// per element. The last vector may reach past the tensor, never past its buffer.

struct Params {
  count: u32, // vectors
  decay: f32,
  blend1: f32, // 1 - beta1
  beta2: f32,
  blend2: f32, // 1 - beta2
  rate: f32,
  correction: f32,
  epsilon: f32,
  gradientScale: f32,
}

@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4<f32>>;
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
  let g = params.gradientScale * gradient[i];
  let m = first[i] + params.blend1 * (g - first[i]);
  let v = params.beta2 * second[i] + params.blend2 * g * g;
  first[i] = m;
  second[i] = v;
  parameter[i] = parameter[i] * params.decay - params.rate * m / (sqrt(v) * params.correction + params.epsilon);
}
