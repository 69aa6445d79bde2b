// placed[p] = source[q] where every axis has q = (p - start) / step, whole and in [0, count); `fill` elsewhere.
//
// The transpose of a slice (start and step are the slice's), and constant padding and cropping (start is the number of
// elements before; step 1). Every element of the result is written once, so nothing needs to be cleared before. As in
// copy.wgsl, axes are merged on the host and Element may be a vector of bits. Bound by memory.

struct Params {
  count: u32,
  fill: u32, // bits of one 4-byte element, or of two equal f16
  extents: array<vec4<u32>, 2>, // of the result, last axis first
  starts: array<vec4<i32>, 2>,
  steps: array<vec4<u32>, 2>,
  counts: array<vec4<u32>, 2>, // of the source
}

@group(0) @binding(0) var<storage, read> source: array<Element>;
@group(0) @binding(1) var<storage, read_write> placed: array<Element>;
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
  var origin = 0u;
  var stride = 1u;
  var inside = true;
  for (var axis = 0u; axis < RANK; axis++) {
    let extent = params.extents[axis / 4u][axis % 4u];
    let step = params.steps[axis / 4u][axis % 4u];
    let count = params.counts[axis / 4u][axis % 4u];
    // Before the start this wraps to a large number, which `q < count` refuses.
    let distance = rest % extent - u32(params.starts[axis / 4u][axis % 4u]);
    rest /= extent;
    let q = distance / step;
    inside &= q < count && distance % step == 0u;
    origin += q * stride;
    stride *= count;
  }
  if (inside) {
    placed[i] = source[origin];
  } else {
    placed[i] = fillElement(params.fill);
  }
}
