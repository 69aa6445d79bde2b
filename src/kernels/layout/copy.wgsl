// target[targetBase + p . targetStrides] = source[sourceBase + p . sourceStrides] for every position p of a box.
//
// Serves permute, expand, slice, flip, tile, concat and split. Axes over which both sides step alike were merged on the
// host, and innermost runs became units of up to 16 bytes, so Element is f16, u32, vec2<u32> or vec4<u32> whatever the
// tensors hold. One invocation moves one unit and takes its index apart from the last axis on; neighbours write
// neighbouring memory. Offsets wrap modulo 2^32, so strides may be negative (flip). Bound by memory.
// Precondition: distinct positions have distinct targets. With DENSE the targets are targetBase, targetBase + 1, ...

struct Params {
  count: u32,
  sourceBase: u32,
  targetBase: u32,
  extents: array<vec4<u32>, 2>, // last axis first
  sourceStrides: array<vec4<u32>, 2>,
  targetStrides: array<vec4<u32>, 2>,
}

@group(0) @binding(0) var<storage, read> source: array<Element>;
@group(0) @binding(1) var<storage, read_write> copied: array<Element>;
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
  var origin = params.sourceBase;
  var goal = params.targetBase;
  for (var axis = 0u; axis < RANK; axis++) {
    var position = rest;
    if (axis + 1u < RANK) {
      let extent = params.extents[axis / 4u][axis % 4u];
      position = rest % extent;
      rest /= extent;
    }
    origin += position * params.sourceStrides[axis / 4u][axis % 4u];
    if (!DENSE) {
      goal += position * params.targetStrides[axis / 4u][axis % 4u];
    }
  }
  if (DENSE) {
    goal += i;
  }
  copied[goal] = source[origin];
}
