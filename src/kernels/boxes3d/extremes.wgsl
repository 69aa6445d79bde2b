// extremes[b] = (smallest, largest) of the noise of box b.
//
// One workgroup takes one box and walks it by blocks of four numbers; the numbers are made, not stored. Lanes then join
// in workgroup memory. boxes.wgsl has the noise.

struct Params {
  count: u32,    // boxes
  channels: u32,
}

@group(0) @binding(0) var<storage, read> boxes: array<i32>;
@group(0) @binding(1) var<storage, read_write> extremes: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> partial: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = group.y * groups.x + group.x;
  if (b >= params.count) {
    return;
  }
  let box = boxAt(b);
  let count = box.size.x * box.size.y * box.size.z * params.channels;
  var found = vec2f(3.0e38, -3.0e38);
  for (var vector = lane; vector * 4u < count; vector += 64u) {
    let noise = noiseOf(box, vector);
    for (var k = 0u; k < min(4u, count - 4u * vector); k++) {
      found = vec2f(min(found.x, noise[k]), max(found.y, noise[k]));
    }
  }
  partial[lane] = found;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width >>= 1u) {
    if (lane < width) {
      let other = partial[lane + width];
      partial[lane] = vec2f(min(partial[lane].x, other.x), max(partial[lane].y, other.y));
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    extremes[b] = partial[0];
  }
}
