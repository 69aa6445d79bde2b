// average = decay average + blend value, in place: an exponential moving average of parameters.
//
// One invocation owns four elements. The last vector may reach past the tensor, never past its buffer.

struct Params {
  count: u32, // vectors
  decay: f32,
  blend: f32, // 1 - decay
}

@group(0) @binding(0) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> average: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < params.count) {
    average[i] = params.decay * average[i] + params.blend * value[i];
  }
}
