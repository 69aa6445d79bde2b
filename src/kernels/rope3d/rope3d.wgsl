// Rotary positions: each pair (a, b) of a head's features is turned by the angle of its token and place.
//
//   y = x * cos + rot(x) * sin, rot(a, b) = (-b, a);   transposed, for the gradient: dx = dy * cos - rot(dy * sin)
//
// Layouts: x and y are [B, T, H, hd]; the table is [T, 2 hd] or [B, T, 2 hd], each row [sin(hd) | cos(hd)]. One invocation
// owns one pair, and neighbours are neighbours in memory; all heads of a token read the same table row, which stays in
// cache. Bound by memory. hd is even.

struct Params {
  pairs: u32,     // in x
  headPairs: u32, // hd / 2
  heads: u32,
  rows: u32,      // of the table: token t of the whole batch reads row t % rows
}

@group(0) @binding(0) var<storage, read> x: array<vec2<Scalar>>;
@group(0) @binding(1) var<storage, read> angles: array<vec2<Angle>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec2<Scalar>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.pairs) {
    return;
  }
  let pair = i % params.headPairs;
  let row = i / (params.headPairs * params.heads) % params.rows * (2u * params.headPairs);
  let sine = vec2f(angles[row + pair]);
  let cosine = vec2f(angles[row + params.headPairs + pair]);
  let value = vec2f(x[i]);
  if (TRANSPOSED) {
    let turned = value * sine;
    y[i] = vec2<Scalar>(value * cosine + vec2f(turned.y, -turned.x));
  } else {
    y[i] = vec2<Scalar>(value * cosine + vec2f(-value.y, value.x) * sine);
  }
}
