// y[o] = the elements of x around the place of o, weighed along depth, height and width; NEAREST, one of them.
//
// Arrays are [N, D, H, W, C] by vectors of channels; axes.wgsl has places and weights. One invocation makes one vector
// of y, and neighbours own neighbouring channels, then columns: every load is coalesced, and the eight (NEAREST: one)
// inputs of neighbouring outputs are mostly the same, from cache. f32 arithmetic. Bound by memory.

@group(0) @binding(0) var<storage, read> x: array<Source>;
@group(0) @binding(1) var<storage, read_write> y: array<Target>;
@group(1) @binding(0) var<uniform> params: Params;

// Of weight 0, b has no part: infinity times 0 would be NaN.
fn blend(a: Vector, b: Vector, weight: f32) -> Vector {
  if (weight == 0.0) {
    return a;
  }
  return (1.0 - weight) * a + weight * b;
}

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
  let axes = array<Axis, 3>(axisAt(0u), axisAt(1u), axisAt(2u));
  let place = placeOf(i, vec3i(axes[0].outputs, axes[1].outputs, axes[2].outputs));
  let size = vec3i(axes[0].extent, axes[1].extent, axes[2].extent);
  let origin = originOf(place, size);
  let d = pairOf(axes[0], place.at.x);
  let h = pairOf(axes[1], place.at.y);
  let w = pairOf(axes[2], place.at.z);
  if (NEAREST) {
    y[i] = Target(x[origin + u32((d.lower * size.y + h.lower) * size.z + w.lower) * params.channels]);
    return;
  }
  let left = origin + u32(w.lower) * params.channels;
  let right = origin + u32(w.upper) * params.channels;
  let rows = vec4u(
    u32(d.lower * size.y + h.lower),
    u32(d.lower * size.y + h.upper),
    u32(d.upper * size.y + h.lower),
    u32(d.upper * size.y + h.upper),
  ) * (u32(size.z) * params.channels);
  let a = blend(Vector(x[left + rows.x]), Vector(x[right + rows.x]), w.weight);
  let b = blend(Vector(x[left + rows.y]), Vector(x[right + rows.y]), w.weight);
  let c = blend(Vector(x[left + rows.z]), Vector(x[right + rows.z]), w.weight);
  let e = blend(Vector(x[left + rows.w]), Vector(x[right + rows.w]), w.weight);
  y[i] = Target(blend(blend(a, b, h.weight), blend(c, e, h.weight), d.weight));
}
