// partials[offset + group] = sum of value^2 over the workgroup's 16384 elements: first step of a norm over many
// tensors.
//
// Every tensor writes its own run of one array, so that no order of arrival matters; norm.wgsl adds the array up. 64
// elements per lane, lanes side by side in memory, then a tree.

struct Params {
  count: u32, // elements
  offset: u32,
}

@group(0) @binding(0) var<storage, read> value: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = group.y * groups.x + group.x;
  let first = part * 16384u;
  if (first >= params.count) {
    return;
  }
  var sum = 0.0;
  for (var i = first + lane; i < min(first + 16384u, params.count); i += 256u) {
    sum += value[i] * value[i];
  }
  sums[lane] = sum;
  for (var width = 128u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (lane < width) {
      sums[lane] += sums[lane + width];
    }
  }
  if (lane == 0u) {
    partials[params.offset + part] = sums[0];
  }
}
