// The last step of an embedding's gradient, in place. `gradient` comes as Q = sum over the others j of w[i, j] other[j], with w
// from logit-gradient.wgsl; P = Q times the gradient of the loss (lossGradient). Then products[i] = P[i] . own[i] is this
// row's part of scale times the scale's gradient, and what points along the row itself is taken out where only its
// direction counts: P - own (own . P) / |own|^2.
//
// A workgroup owns a row; `Value` is a 4-vector where rows are made of them, COLUMNS of it make a row.
// Preconditions: LANES is a power of two.

struct Params {
  rows: u32,
  columns: u32,
}

@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> parts: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  var product = 0.0;
  for (var d = lane; d < params.columns; d += LANES) {
    let at = row * params.columns + d;
    product += inner(gradient[at], Value(own[at]));
  }
  parts[lane] = product;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      parts[lane] += parts[lane + half];
    }
  }
  workgroupBarrier();
  product = parts[0] * lossGradient[0];
  if (lane == 0u) {
    products[row] = product;
  }
  // Where the least length replaced the row's own, the direction is linear in the row.
  let inverse = inverseOf(row);
  let along = select(product * inverse * inverse, 0.0, !NORMALIZE || inverse >= GREATEST);
  for (var d = lane; d < params.columns; d += LANES) {
    let at = row * params.columns + d;
    gradient[at] = gradient[at] * lossGradient[0] - along * Value(own[at]);
  }
}
