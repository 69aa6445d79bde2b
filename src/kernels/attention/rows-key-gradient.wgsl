// dk[j] = sum over queries i of ds[i, j] q[i] and dv[j] = sum over queries i of m[i, j] p[i, j] dy[i], with ds, m and p as
// in gradient.wgsl: an invocation owns keys.
//
// As in rows-query-gradient.wgsl with the sides exchanged: queries, their gradients and their three statistics come
// through workgroup memory, and an invocation keeps its rows of k, v, dk and dv. Four products.

var<workgroup> queryTile: array<Value, PACK * TILE * COLUMNS>;
var<workgroup> gradientTile: array<Value, PACK * TILE * COLUMNS>;
var<workgroup> statisticTile: array<vec3f, PACK * TILE>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let task = group.y * groups.x + group.x;
  let firstPair = task / tileCount(params.keys) * PACK;
  if (firstPair >= pairCount()) {
    return;
  }
  let tile = task % tileCount(params.keys);
  let slot = slotOf(lane);
  let pair = pairOf(firstPair, slot);
  let head = pair % params.heads;
  let batch = pair / params.heads;
  let first = tile * TILE_ROWS + lane % SPAN;
  // Queries before all of the workgroup's keys do not see them.
  let begin = select(0u, tile * TILE_ROWS / TILE * TILE, CAUSAL);

  var own: array<array<Value, COLUMNS>, ROWS>;
  var ownValue: array<array<Value, COLUMNS>, ROWS>;
  var keySum: array<array<Value, COLUMNS>, ROWS>;
  var valueSum: array<array<Value, COLUMNS>, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    let key = min(first + r * SPAN, params.keys - 1u);
    for (var d = 0u; d < COLUMNS; d++) {
      own[r][d] = keyAt(batch, head, key, d);
      ownValue[r][d] = valueAt(batch, head, key, d);
    }
  }
  for (var start = begin; start < params.queries; start += TILE) {
    workgroupBarrier();
    for (var i = lane; i < PACK * TILE * COLUMNS; i += LANES) {
      let source = sourceOf(i, firstPair, start, params.queries);
      queryTile[i] = queryAt(source.x, source.y, source.z, source.w);
      gradientTile[i] = Value(dy[queryIndex(source.x, source.y, source.z) + source.w]);
    }
    for (var i = lane; i < PACK * TILE; i += LANES) {
      let source = sourceOf(i * COLUMNS, firstPair, start, params.queries);
      let row = rowIndex(source.x, source.y, source.z);
      // Rows behind the last query weigh nothing.
      let factor = select(factorOf(row), 0.0, start + i % TILE >= params.queries);
      statisticTile[i] = vec3f(largestOf(row), factor, deltaOf(row));
    }
    workgroupBarrier();
    for (var next = 0u; next < TILE && start + next < params.queries; next += BLOCK) {
      let tileRow = slot * TILE + next;
      let at = tileRow * COLUMNS;
      var weight = array<array<f32, BLOCK>, ROWS>();
      var gradient = array<array<f32, BLOCK>, ROWS>();
      for (var d = 0u; d < COLUMNS; d++) {
        for (var j = 0u; j < BLOCK; j++) {
          let other = queryTile[at + j * COLUMNS + d];
          for (var r = 0u; r < ROWS; r++) {
            weight[r][j] += inner(own[r][d], other);
          }
        }
      }
      for (var d = 0u; d < COLUMNS; d++) {
        for (var j = 0u; j < BLOCK; j++) {
          let other = gradientTile[at + j * COLUMNS + d];
          for (var r = 0u; r < ROWS; r++) {
            gradient[r][j] += inner(ownValue[r][d], other);
          }
        }
      }
      for (var j = 0u; j < BLOCK; j++) {
        let query = min(start + next + j, params.queries - 1u);
        let statistic = statisticTile[tileRow + j];
        for (var r = 0u; r < ROWS; r++) {
          let key = min(first + r * SPAN, params.keys - 1u);
          let score = scoreOf(weight[r][j], batch, head, query, key);
          let p = weightOf(score, statistic.x) * statistic.y;
          let m = kept(batch, head, query, key);
          weight[r][j] = m * p;
          gradient[r][j] = p * (m * gradient[r][j] - statistic.z);
        }
      }
      for (var d = 0u; d < COLUMNS; d++) {
        var other: array<Value, BLOCK>;
        for (var j = 0u; j < BLOCK; j++) {
          other[j] = gradientTile[at + j * COLUMNS + d];
        }
        for (var r = 0u; r < ROWS; r++) {
          var s = valueSum[r][d];
          for (var j = 0u; j < BLOCK; j++) {
            s += weight[r][j] * other[j];
          }
          valueSum[r][d] = s;
        }
      }
      for (var d = 0u; d < COLUMNS; d++) {
        var other: array<Value, BLOCK>;
        for (var j = 0u; j < BLOCK; j++) {
          other[j] = queryTile[at + j * COLUMNS + d];
        }
        for (var r = 0u; r < ROWS; r++) {
          var s = keySum[r][d];
          for (var j = 0u; j < BLOCK; j++) {
            s += gradient[r][j] * other[j];
          }
          keySum[r][d] = s;
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let key = first + r * SPAN;
    if (firstPair + slot < pairCount() && key < params.keys) {
      for (var d = 0u; d < COLUMNS; d++) {
        storeGradients(0u, batch, head, key, d, params.scale * keySum[r][d], valueSum[r][d]);
      }
    }
  }
}
