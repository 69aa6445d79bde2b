// The gradient of the loss with respect to own rows: d own[i] = scale * sum over j of g[i, j] other[j], where g is the gradient
// of the loss with respect to the logit (i, j): of the loss of row i (OWN_PART), and of that of row j (OTHER_PART).
//
// For COLS other rows at a time, logits are made anew (pairs.wgsl) and turned into g in place; their share of the result is
// then added to the own rows in memory, which nobody else touches: no atomics, any D, and the order is fixed. The tensor
// passes through once per COLS other rows.

var<workgroup> otherHead: array<vec4f, COLS>;
var<workgroup> otherRest: array<vec4f, COLS>;

// One direction's part of g: s the logit, with the coefficients of the row whose softmax it is (finish.wgsl).
fn partOf(s: f32, head: vec4f, rest: vec4f, weight: f32, positive: bool) -> f32 {
  let p = exp(s - head.x) * head.y;
  if (APART) {
    return select(p - head.w, rest.z - exp(s - rest.x) * rest.y, positive);
  }
  return p - weight * head.z - head.w;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let firstOwn = (group.y * groups.x + group.x) * LANES * ROWS;
  if (firstOwn >= params.ownCount) {
    return;
  }
  let first = firstOwn + lane;
  for (var start = 0u; start < params.otherCount; start += COLS) {
    var g = logits(lane, first, start);
    for (var i = lane; i < COLS; i += LANES) {
      let place = min(start + i, params.otherCount - 1u);
      otherHead[i] = otherCoefficient(2u * place);
      otherRest[i] = otherCoefficient(2u * place + 1u);
    }
    workgroupBarrier();
    for (var r = 0u; r < ROWS; r++) {
      let row = ownRow(first, r);
      let head = ownCoefficient(2u * row);
      let rest = ownCoefficient(2u * row + 1u);
      for (var c = 0u; c < COLS; c++) {
        let place = min(start + c, params.otherCount - 1u);
        let positive = isPositive(row, place);
        let s = g[r][c];
        var sum = 0.0;
        if (PAIRWISE) {
          sum = pairPart(row) * (logistic(s) - select(0.0, 1.0, positive));
        } else {
          if (OWN_PART) {
            sum += partOf(s, head, rest, ownTarget(row, place), positive);
          }
          if (OTHER_PART) {
            sum += partOf(s, otherHead[c], otherRest[c], otherTarget(row, place), positive);
          }
        }
        g[r][c] = select(0.0, sum * scale[0], start + c < params.otherCount);
      }
    }
    for (var chunk = 0u; chunk < params.columns; chunk += CHUNK) {
      stage(lane, start, chunk);
      for (var next = 0u; next < CHUNK && chunk + next < params.columns; next++) {
        for (var r = 0u; r < ROWS; r++) {
          let at = ownRow(first, r) * params.columns + chunk + next;
          var sum = Value();
          if (start > 0u) {
            sum = gradient[at];
          }
          for (var c = 0u; c < COLS; c++) {
            sum += g[r][c] * tile[c * CHUNK + next];
          }
          if (first + r * LANES < params.ownCount) {
            gradient[at] = sum;
          }
        }
      }
    }
  }
}
