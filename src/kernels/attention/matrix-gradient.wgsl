// Gradients of attention on subgroup matrices: the sums of gradient.wgsl, for queries (OF_QUERY) or for keys.
//
// Tiles as in matrix-common.wgsl. One walk: the products of both pairs of rows, then weights from the statistics of the forward
// pass, then their products with walked rows, which stay in registers. dq takes three products, dk and dv four.

var<workgroup> ownLeft: array<f16, OWN * STRIDE>;     // q or k
var<workgroup> ownRight: array<f16, OWN * STRIDE>;    // dy or v
var<workgroup> walkedLeft: array<f16, WALKED * STRIDE>;
var<workgroup> walkedRight: array<f16, WALKED * STRIDE>;
var<workgroup> leftProducts: array<f32, OWN * SCORE_STRIDE>;
var<workgroup> rightProducts: array<f32, OWN * SCORE_STRIDE>;
var<workgroup> leftWeights: array<f16, OWN * WEIGHT_STRIDE>;  // p (m dy . v - delta)
var<workgroup> rightWeights: array<f16, OWN * WEIGHT_STRIDE>; // m p

// (k or q, v or dy) of a row of one side.
fn leftAt(isQuery: bool, batch: u32, head: u32, row: u32, column: u32) -> vec4f {
  if (isQuery) {
    return queryAt(batch, head, row, column);
  }
  return keyAt(batch, head, row, column);
}

fn rightAt(isQuery: bool, batch: u32, head: u32, row: u32, column: u32) -> vec4f {
  if (isQuery) {
    return vec4f(dy[queryIndex(batch, head, row) + column]);
  }
  return valueAt(batch, head, row, column);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let ownCount = select(params.keys, params.queries, OF_QUERY);
  let walkedCount = select(params.queries, params.keys, OF_QUERY);
  let task = group.y * groups.x + group.x;
  let tiles = rowsOf(ownCount);
  let pair = task / tiles;
  if (pair >= params.batch * params.heads) {
    return;
  }
  let head = pair % params.heads;
  let batch = pair / params.heads;
  let first = task % tiles * OWN;
  // Keys behind all of the workgroup's queries, and queries before all of its keys, are no use.
  let begin = select(0u, first / WALKED * WALKED, CAUSAL && !OF_QUERY);
  let end = select(walkedCount, min(walkedCount, first + OWN), CAUSAL && OF_QUERY);
  let row = lane % OWN;
  let firstColumn = lane / OWN * SHARE;
  let own = min(first + row, ownCount - 1u);

  for (var i = lane; i < OWN * (WIDTH / 4u); i += LANES) {
    let d = i % (WIDTH / 4u);
    let r = i / (WIDTH / 4u);
    var left = vec4f();
    var right = vec4f();
    if (d < COLUMNS) {
      left = leftAt(OF_QUERY, batch, head, min(first + r, ownCount - 1u), d);
      right = rightAt(OF_QUERY, batch, head, min(first + r, ownCount - 1u), d);
    }
    for (var e = 0u; e < 4u; e++) {
      ownLeft[r * STRIDE + 4u * d + e] = f16(left[e]);
      ownRight[r * STRIDE + 4u * d + e] = f16(right[e]);
    }
  }
  var leftSums: array<Result, BLOCKS>;
  var rightSums: array<Result, BLOCKS>;
  for (var start = begin; start < end; start += WALKED) {
    workgroupBarrier();
    for (var i = lane; i < WALKED * (WIDTH / 4u); i += LANES) {
      let d = i % (WIDTH / 4u);
      let r = i / (WIDTH / 4u);
      let walked = min(start + r, walkedCount - 1u);
      var left = vec4f();
      var right = vec4f();
      if (d < COLUMNS) {
        left = leftAt(!OF_QUERY, batch, head, walked, d);
        right = rightAt(!OF_QUERY, batch, head, walked, d);
      }
      for (var e = 0u; e < 4u; e++) {
        walkedLeft[r * STRIDE + 4u * d + e] = f16(left[e]);
        walkedRight[r * STRIDE + 4u * d + e] = f16(right[e]);
      }
    }
    workgroupBarrier();
    if (subgroup < SUBGROUPS) {
      for (var c = 0u; c < WALKED / MATRIX_N; c++) {
        // Made 0 in so many words, as in matrix-forward.wgsl.
        var leftSum = Result();
        var rightSum = Result();
        for (var d = 0u; d < WIDTH; d += MATRIX_K) {
          let ownAt = subgroup * MATRIX_M * STRIDE + d;
          let walkedAt = c * MATRIX_N * STRIDE + d;
          leftSum = subgroupMatrixMultiplyAccumulate(
            subgroupMatrixLoad<Left, row_major>(&ownLeft, ownAt, STRIDE),
            subgroupMatrixLoad<Right, col_major>(&walkedLeft, walkedAt, STRIDE), leftSum);
          rightSum = subgroupMatrixMultiplyAccumulate(
            subgroupMatrixLoad<Left, row_major>(&ownRight, ownAt, STRIDE),
            subgroupMatrixLoad<Right, col_major>(&walkedRight, walkedAt, STRIDE), rightSum);
        }
        let at = subgroup * MATRIX_M * SCORE_STRIDE + c * MATRIX_N;
        subgroupMatrixStore<row_major>(&leftProducts, at, leftSum, SCORE_STRIDE);
        subgroupMatrixStore<row_major>(&rightProducts, at, rightSum, SCORE_STRIDE);
      }
    }
    workgroupBarrier();
    for (var c = firstColumn; c < firstColumn + SHARE; c++) {
      let walked = min(start + c, walkedCount - 1u);
      let query = select(walked, own, OF_QUERY);
      let key = select(own, walked, OF_QUERY);
      let statistic = rowIndex(batch, head, query);
      let score = scoreOf(leftProducts[row * SCORE_STRIDE + c], batch, head, query, key);
      let p = select(weightOf(score, largestOf(statistic)) * factorOf(statistic), 0.0, start + c >= end);
      let m = kept(batch, head, query, key);
      let dp = rightProducts[row * SCORE_STRIDE + c];
      leftWeights[row * WEIGHT_STRIDE + c] = f16(p * (m * dp - deltaOf(statistic)));
      rightWeights[row * WEIGHT_STRIDE + c] = f16(m * p);
    }
    workgroupBarrier();
    if (subgroup < SUBGROUPS) {
      for (var c = 0u; c < WALKED; c += MATRIX_K) {
        let at = subgroup * MATRIX_M * WEIGHT_STRIDE + c;
        let left = subgroupMatrixLoad<Left, row_major>(&leftWeights, at, WEIGHT_STRIDE);
        for (var d = 0u; d < BLOCKS; d++) {
          let right = subgroupMatrixLoad<Right, row_major>(&walkedLeft, c * STRIDE + d * MATRIX_N, STRIDE);
          leftSums[d] = subgroupMatrixMultiplyAccumulate(left, right, leftSums[d]);
        }
        if (!OF_QUERY) {
          let weight = subgroupMatrixLoad<Left, row_major>(&rightWeights, at, WEIGHT_STRIDE);
          for (var d = 0u; d < BLOCKS; d++) {
            let right = subgroupMatrixLoad<Right, row_major>(&walkedRight, c * STRIDE + d * MATRIX_N, STRIDE);
            rightSums[d] = subgroupMatrixMultiplyAccumulate(weight, right, rightSums[d]);
          }
        }
      }
    }
  }

  workgroupBarrier();
  for (var d = 0u; d < BLOCKS; d++) {
    if (subgroup < SUBGROUPS) {
      let at = subgroup * MATRIX_M * SCORE_STRIDE;
      subgroupMatrixStore<row_major>(&leftProducts, at, leftSums[d], SCORE_STRIDE);
      subgroupMatrixStore<row_major>(&rightProducts, at, rightSums[d], SCORE_STRIDE);
    }
    workgroupBarrier();
    for (var i = lane; i < OWN * (MATRIX_N / 4u); i += LANES) {
      let r = i / (MATRIX_N / 4u);
      let c = i % (MATRIX_N / 4u);
      let column = d * (MATRIX_N / 4u) + c;
      if (first + r < ownCount && column < COLUMNS) {
        let at = r * SCORE_STRIDE + 4u * c;
        let left = vec4f(leftProducts[at], leftProducts[at + 1u], leftProducts[at + 2u], leftProducts[at + 3u]);
        let right = vec4f(rightProducts[at], rightProducts[at + 1u], rightProducts[at + 2u], rightProducts[at + 3u]);
        storeGradients(0u, batch, head, first + r, column, params.scale * left, right);
      }
    }
    workgroupBarrier();
  }
}
