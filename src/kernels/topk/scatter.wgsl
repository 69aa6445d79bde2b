// dx[outer, indices[outer, i, inner], inner] = dy[outer, i, inner], into a dx of zeros: the gradient of the k largest.
//
// One invocation moves one element. The indices of a row are all different, so no two write the same place.

struct Params {
  count: u32, // outer * k * inner
  k: u32,
  inner: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Element>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> dx: array<Element>;
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
  let outer = i / (params.k * params.inner);
  dx[(outer * params.length + u32(indices[i])) * params.inner + i % params.inner] = dy[i];
}
