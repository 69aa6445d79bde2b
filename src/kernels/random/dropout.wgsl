// y[n] = scale * x[n] where element n is kept, else 0: kept when the top 24 bits of its random word are at least
// `threshold`. The backward pass runs the same kernel on dy; the mask is never stored.
//
// One invocation treats the four elements of one Philox block. The header declares philox.wgsl.

struct Params {
  seed: u32,
  draw: u32,
  first: u32, // vector at the window's start
  count: u32, // vectors in this window
  threshold: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Element>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Element>>;
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
  let kept = (randomWords(params.seed, params.draw, params.first + i) >> vec4<u32>(8u)) >= vec4<u32>(params.threshold);
  y[i] = vec4<Element>(select(vec4<f32>(), vec4<f32>(x[i]) * params.scale, kept));
}
