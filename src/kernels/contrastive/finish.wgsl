// Losses of rows, and what their gradients need, from the statistics of statistics.wgsl. With a the row's part in the
// mean, e the smoothing, p the softmax and T the targets (of sum 1, unless they are given):
//
//   loss = a ((1 - e) (sum T lse - sum T s) + e (lse - mean s)), or a (lse - lse of the positives) where these stand inside
//
// The gradient with respect to s[j] is exp(s - largest) * pFactor - T * tFactor - even, and for positives that stand apart
// shift - exp(s - largestPositive) * positiveFactor:
//
//   coefficients[2 i]     = (largest, pFactor, tFactor, even)
//   coefficients[2 i + 1] = (largestPositive, positiveFactor, shift, 0)
//
// One invocation per row. weightOf and weightTotal come with the header: 1 and the number of rows where there are none.

fn logOnePlus(x: f32) -> f32 {
  return select(log(1.0 + x), x * (1.0 - x * (0.5 - x * (0.33333333 - x * 0.25))), x < 0.01);
}

struct Params {
  ownCount: u32,
  otherCount: u32,
  smoothing: f32, // part of a target that is spread over all
  share: f32,     // of this direction in the loss
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 64u + lane;
  if (row >= params.ownCount) {
    return;
  }
  let head = statistics[2u * row];
  let rest = statistics[2u * row + 1u];
  let weights = weightTotal();
  let part = select(params.share * weightOf(row) / weights, 0.0, weights == 0.0);
  if (PAIRWISE) {
    losses[row] = part * head.x;
    coefficients[2u * row] = vec4f(part, 0.0, 0.0, 0.0);
    coefficients[2u * row + 1u] = vec4f();
    return;
  }
  let e = params.smoothing;
  let count = f32(params.otherCount);
  let even = part * e / count;
  if (APART) {
    // A row without positives has no loss, and no say.
    let any = head.w > 0.0;
    let total = head.y + select(0.0, head.w * exp(head.z - head.x), any);
    let apart = (head.x - head.z) + log(total) - log(head.w);
    let close = logOnePlus(head.y / head.w);
    let loss = (1.0 - e) * select(apart, close, head.x == head.z) + e * (log(total) - rest.z / count);
    losses[row] = select(0.0, part * loss, any);
    let used = select(0.0, part, any);
    coefficients[2u * row] = vec4f(head.x, used / total, 0.0, select(0.0, even, any));
    let factor = select(0.0, used * head.y / (total * head.w), any);
    coefficients[2u * row + 1u] = vec4f(select(0.0, head.z, any), factor, select(0.0, part * e - even, any), 0.0);
    return;
  }
  let scaled = select(1.0 / rest.x, 0.0, rest.x == 0.0); // an even share for each positive, or targets as they are
  let mass = select(rest.x, rest.x * scaled, EVEN);
  let dot = select(rest.y, rest.y * scaled, EVEN);
  losses[row] = part * ((1.0 - e) * (mass * log(head.y) - dot) + e * (log(head.y) - rest.z / count));
  let tFactor = part * (1.0 - e) * select(1.0, scaled, EVEN);
  coefficients[2u * row] = vec4f(head.x, part * ((1.0 - e) * mass + e) / head.y, tFactor, even);
  coefficients[2u * row + 1u] = vec4f();
}
