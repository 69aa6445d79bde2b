// target[part, outer, inner] = scale * combine over this part of value[outer, 0 .. length, inner].
//
// One invocation owns one output of one part; neighbouring invocations have neighbouring `inner`, so reads coalesce.
// When there are few outputs, the host cuts the reduced axis into `parts` that are combined by a second dispatch.

struct Params {
  outputs: u32, // outer * inner
  inner: u32,
  length: u32,
  parts: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> value: array<Value>;
@group(0) @binding(1) var<storage, read_write> reduced: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let part = i / params.outputs;
  if (part >= params.parts) {
    return;
  }
  let index = i % params.outputs;
  let span = (params.length + params.parts - 1u) / params.parts;
  let first = part * span;
  let last = min(first + span, params.length);
  let base = (index / params.inner) * params.length * params.inner + index % params.inner;
  var total = Accumulator(0);
  if (first < last) {
    total = reduceStrided(base + first * params.inner, params.inner, last - first);
  }
  reduced[i] = Target(finish(total, params.scale));
}
