// value *= factor, in place, with a factor that the device computed: clipping without reading the norm back.
//
// One invocation owns four elements. The last vector may reach past the tensor, never past its buffer.

struct Params {
  count: u32, // vectors
}

@group(0) @binding(0) var<storage, read> factor: array<f32>;
@group(0) @binding(1) var<storage, read_write> value: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < params.count) {
    value[i] *= factor[0];
  }
}
