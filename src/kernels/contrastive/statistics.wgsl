// What the loss of each own row needs of its logits s[j] against all other rows, in one walk over them (pairs.wgsl):
//
//   statistics[2 i]     = (largest s, sum over others of exp(s - largest), largest positive s, the same sum over positives)
//   statistics[2 i + 1] = (sum of targets, sum of targets * (s - largest), sum of (s - largest), 0)
//
// Where positives stand apart (APART: one match each, or the sum inside the logarithm) `others` are the rows that are no
// positives, so that a confident row's small loss keeps its digits; elsewhere they are all rows. For the pairwise
// loss (PAIRWISE) statistics[2 i] = (sum of softplus(s) - t s, sum of sigmoid(s) - t, 0, 0).

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
  var head: array<vec4f, ROWS>;
  var rest: array<vec4f, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    head[r] = select(vec4f(lowest, 0.0, lowest, 0.0), vec4f(), PAIRWISE);
    rest[r] = vec4f();
  }
  for (var start = 0u; start < params.otherCount; start += COLS) {
    let block = logits(lane, first, start);
    for (var r = 0u; r < ROWS; r++) {
      let row = ownRow(first, r);
      if (PAIRWISE) {
        for (var c = 0u; c < COLS; c++) {
          let there = start + c < params.otherCount;
          let s = block[r][c];
          let t = select(0.0, 1.0, isPositive(row, min(start + c, params.otherCount - 1u)));
          let loss = max(s, 0.0) + logOnePlus(exp(-abs(s))) - t * s;
          head[r] += select(vec4f(), vec4f(loss, logistic(s) - t, 0.0, 0.0), there);
        }
      } else {
        var top = head[r].x;
        var topPositive = head[r].z;
        for (var c = 0u; c < COLS; c++) {
          let there = start + c < params.otherCount;
          let s = select(lowest, block[r][c], there);
          top = max(top, s);
          if (APART) {
            topPositive = max(topPositive, select(lowest, s, isPositive(row, min(start + c, params.otherCount - 1u))));
          }
        }
        let moved = head[r].x - top;
        var others = head[r].y * exp(moved);
        var positives = head[r].w * exp(head[r].z - topPositive);
        // Nothing has been summed yet where `moved` is beyond all measure.
        var sums = rest[r] + select(vec4f(), vec4f(0.0, rest[r].x * moved, rest[r].w * moved, 0.0), rest[r].w > 0.0);
        for (var c = 0u; c < COLS; c++) {
          let there = start + c < params.otherCount;
          let place = min(start + c, params.otherCount - 1u);
          let s = block[r][c];
          let e = select(0.0, exp(s - top), there);
          let weight = select(0.0, ownTarget(row, place), there);
          if (APART) {
            let positive = isPositive(row, place);
            others += select(e, 0.0, positive);
            positives += select(0.0, exp(s - topPositive), positive && there);
          } else {
            others += e;
          }
          sums += select(vec4f(), vec4f(weight, weight * (s - top), s - top, 1.0), there);
        }
        head[r] = vec4f(top, others, topPositive, positives);
        rest[r] = sums;
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    let row = first + r * LANES;
    if (row < params.ownCount) {
      statistics[2u * row] = head[r];
      statistics[2u * row + 1u] = rest[r];
    }
  }
}
