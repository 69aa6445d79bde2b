// partials[offset + group] = sum of value^2 over the workgroup's 16384 elements: first step of a norm over many
// tensors, several of them in one dispatch.
//
// Every tensor writes its own run of one array, so that no order of arrival matters; norm.wgsl adds the array up. 64
// elements per lane, lanes side by side in memory, then a tree. The header has the bindings and `squares`, which adds up
// one lane's share of a tensor.

struct Part {
  firstGroup: u32, // of this dispatch
  count: u32, // elements
  offset: u32, // of the dispatch in the partials
  padding: u32,
}

struct Params {
  parts: array<Part, PARTS>,
}

@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let flat = group.y * groups.x + group.x;
  var part = 0u;
  for (var n = 1u; n < PARTS; n++) {
    if (flat >= params.parts[n].firstGroup) {
      part = n;
    }
  }
  let own = params.parts[part];
  let first = (flat - own.firstGroup) * 16384u;
  if (first >= own.count) {
    return;
  }
  sums[lane] = squares(part, first + lane, min(first + 16384u, own.count));
  for (var width = 128u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (lane < width) {
      sums[lane] += sums[lane + width];
    }
  }
  if (lane == 0u) {
    partials[own.offset + flat] = sums[0];
  }
}
