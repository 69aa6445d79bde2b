// numbers[n] = sample(random words): fills a tensor with independent numbers of a distribution.
//
// One invocation makes four elements of one Philox block; no state, no order. The header declares philox.wgsl,
// distributions.wgsl and sample(words). The last vector may reach past the tensor, never past its buffer, whose
// length is a multiple of 32.

struct Params {
  seed: u32,
  draw: u32,
  first: u32, // vector at the window's start
  count: u32, // vectors in this window
  shape: vec4<f32>, // parameters of the distribution
  scale: vec4<f32>, // and two for its place and width
}

@group(0) @binding(0) var<storage, read_write> numbers: array<vec4<Element>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < params.count) {
    numbers[i] = vec4<Element>(sample(randomWords(params.seed, params.draw, params.first + i)));
  }
}
