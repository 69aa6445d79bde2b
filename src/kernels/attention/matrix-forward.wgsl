// y[b, i, h] = sum over j of softmax_j(scale * q[b, i, h] . k[b, j, h] + ...) v[b, j, h], on subgroup matrices.
//
// Layouts and statistics as in forward.wgsl, tiles as in matrix-common.wgsl. Two walks over the keys: the first finds each row's largest
// score and sum, the second adds up values. Scores are made twice, six operations for every four, and in return no sum
// is ever rescaled: matrices in registers have no rows to multiply.

var<workgroup> ownRows: array<f16, OWN * STRIDE>;
var<workgroup> keyRows: array<f16, WALKED * STRIDE>;
var<workgroup> valueRows: array<f16, WALKED * STRIDE>;
var<workgroup> scores: array<f32, OWN * SCORE_STRIDE>;
var<workgroup> weights: array<f16, OWN * WEIGHT_STRIDE>;
var<workgroup> states: array<vec2f, LANES>; // (largest, sum of exp(score - largest))

// Scores of the workgroup's rows and the walked keys.
fn multiplyScores(subgroup: u32) {
  if (subgroup < SUBGROUPS) {
    for (var c = 0u; c < WALKED / MATRIX_N; c++) {
      // Made 0 in so many words: Dawn 0.6.2 keeps what a variable of a loop's body held in the round before.
      var sum = Result();
      for (var d = 0u; d < WIDTH; d += MATRIX_K) {
        let left = subgroupMatrixLoad<Left, row_major>(&ownRows, subgroup * MATRIX_M * STRIDE + d, STRIDE);
        let right = subgroupMatrixLoad<Right, col_major>(&keyRows, c * MATRIX_N * STRIDE + d, STRIDE);
        sum = subgroupMatrixMultiplyAccumulate(left, right, sum);
      }
      let at = subgroup * MATRIX_M * SCORE_STRIDE + c * MATRIX_N;
      subgroupMatrixStore<row_major>(&scores, at, sum, SCORE_STRIDE);
    }
  }
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let task = group.y * groups.x + group.x;
  let tiles = rowsOf(params.queries);
  let pair = task / tiles;
  if (pair >= params.batch * params.heads) {
    return;
  }
  let head = pair % params.heads;
  let batch = pair / params.heads;
  let first = task % tiles * OWN;
  var end = params.keys;
  if (CAUSAL) {
    end = min(end, first + OWN);
  }
  let row = lane % OWN;
  let firstColumn = lane / OWN * SHARE;
  let query = min(first + row, params.queries - 1u);

  for (var i = lane; i < OWN * (WIDTH / 4u); i += LANES) {
    let d = i % (WIDTH / 4u);
    let r = i / (WIDTH / 4u);
    var value = vec4f();
    if (d < COLUMNS) {
      value = queryAt(batch, head, min(first + r, params.queries - 1u), d);
    }
    for (var e = 0u; e < 4u; e++) {
      ownRows[r * STRIDE + 4u * d + e] = f16(value[e]);
    }
  }
  var largest = excluded;
  var total = 0.0;
  var sums: array<Result, BLOCKS>;
  for (var walk = 0u; walk < 2u; walk++) {
    for (var start = 0u; start < end; start += WALKED) {
      workgroupBarrier();
      for (var i = lane; i < WALKED * (WIDTH / 4u); i += LANES) {
        let d = i % (WIDTH / 4u);
        let r = i / (WIDTH / 4u);
        let key = min(start + r, params.keys - 1u);
        var left = vec4f();
        var right = vec4f();
        if (d < COLUMNS) {
          left = keyAt(batch, head, key, d);
          if (walk == 1u) {
            right = valueAt(batch, head, key, d);
          }
        }
        for (var e = 0u; e < 4u; e++) {
          keyRows[r * STRIDE + 4u * d + e] = f16(left[e]);
          valueRows[r * STRIDE + 4u * d + e] = f16(right[e]);
        }
      }
      workgroupBarrier();
      multiplyScores(subgroup);
      workgroupBarrier();
      for (var c = firstColumn; c < firstColumn + SHARE; c += 4u) {
        var factor = vec4f(1.0);
        if (DROPOUT && walk == 1u) {
          factor = keptFour(batch, head, query, start + c);
        }
        for (var e = 0u; e < 4u; e++) {
          let key = start + c + e;
          let product = scores[row * SCORE_STRIDE + c + e];
          let score = scoreOf(product, batch, head, query, min(key, params.keys - 1u));
          let s = select(score, excluded, key >= end);
          if (walk == 0u) {
            let top = max(largest, s);
            total = total * exp(largest - top) + weightOf(s, top);
            largest = top;
          } else {
            weights[row * WEIGHT_STRIDE + c + e] = f16(weightOf(s, largest) * factor[e]);
          }
        }
      }
      if (walk == 1u) {
        workgroupBarrier();
        if (subgroup < SUBGROUPS) {
          for (var c = 0u; c < WALKED; c += MATRIX_K) {
            let left = subgroupMatrixLoad<Left, row_major>(
              &weights, subgroup * MATRIX_M * WEIGHT_STRIDE + c, WEIGHT_STRIDE);
            for (var d = 0u; d < BLOCKS; d++) {
              let right = subgroupMatrixLoad<Right, row_major>(&valueRows, c * STRIDE + d * MATRIX_N, STRIDE);
              sums[d] = subgroupMatrixMultiplyAccumulate(left, right, sums[d]);
            }
          }
        }
      }
    }
    if (walk == 0u) {
      states[lane] = vec2f(largest, total);
      workgroupBarrier();
      for (var other = row; other < LANES; other += OWN) {
        largest = max(largest, states[other].x);
      }
      total = 0.0;
      for (var other = row; other < LANES; other += OWN) {
        total += states[other].y * exp(states[other].x - largest);
      }
    }
  }

  workgroupBarrier();
  states[lane] = vec2f(largest, total);
  for (var d = 0u; d < BLOCKS; d++) {
    if (subgroup < SUBGROUPS) {
      subgroupMatrixStore<row_major>(&scores, subgroup * MATRIX_M * SCORE_STRIDE, sums[d], SCORE_STRIDE);
    }
    workgroupBarrier();
    for (var i = lane; i < OWN * (MATRIX_N / 4u); i += LANES) {
      let r = i / (MATRIX_N / 4u);
      let c = i % (MATRIX_N / 4u);
      let column = d * (MATRIX_N / 4u) + c;
      if (first + r < params.queries && column < COLUMNS) {
        let at = r * SCORE_STRIDE + 4u * c;
        let value = vec4f(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
        let factor = select(1.0 / states[r].y, 0.0, states[r].y == 0.0);
        storeValue(0u, queryIndex(batch, head, first + r) + column, value * factor);
      }
    }
    workgroupBarrier();
  }
  if (lane < OWN && first + lane < params.queries) {
    storeStatistics(0u, pair * params.queries + first + lane, largest, total);
  }
}
