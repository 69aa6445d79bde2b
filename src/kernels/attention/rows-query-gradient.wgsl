// dq[i] = sum over keys j of ds[i, j] k[j], with ds as in gradient.wgsl: an invocation owns queries.
//
// Everything as in rows-forward.wgsl, with three products instead of two and no running maximum, since the statistics
// of the forward pass are at hand. An invocation keeps its rows of q, dy and dq.

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let task = group.y * groups.x + group.x;
  let firstPair = task / tileCount(params.queries) * PACK;
  if (firstPair >= pairCount()) {
    return;
  }
  let tile = task % tileCount(params.queries);
  let slot = slotOf(lane);
  let pair = pairOf(firstPair, slot);
  let head = pair % params.heads;
  let batch = pair / params.heads;
  let first = tile * TILE_ROWS + lane % SPAN;
  let end = keyEnd(firstPair, tile);

  var own: array<array<Value, COLUMNS>, ROWS>;
  var ownGradient: array<array<Value, COLUMNS>, ROWS>;
  var sum: array<array<Value, COLUMNS>, ROWS>;
  var largest: array<f32, ROWS>;
  var factor: array<f32, ROWS>;
  var delta: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    let query = min(first + r * SPAN, params.queries - 1u);
    let row = rowIndex(batch, head, query);
    largest[r] = largestOf(row);
    factor[r] = factorOf(row);
    delta[r] = deltaOf(row);
    for (var d = 0u; d < COLUMNS; d++) {
      own[r][d] = queryAt(batch, head, query, d);
      ownGradient[r][d] = Value(dy[queryIndex(batch, head, query) + d]);
    }
  }
  for (var start = 0u; start < end; start += TILE) {
    stageKeys(firstPair, start, lane);
    for (var next = 0u; next < TILE && start + next < end; next += BLOCK) {
      let at = (slot * TILE + next) * COLUMNS;
      let key = start + next;
      var weight = array<array<f32, BLOCK>, ROWS>();
      var gradient = array<array<f32, BLOCK>, ROWS>();
      for (var d = 0u; d < COLUMNS; d++) {
        for (var j = 0u; j < BLOCK; j++) {
          let other = keyTile[at + j * COLUMNS + d];
          for (var r = 0u; r < ROWS; r++) {
            weight[r][j] += inner(own[r][d], other);
          }
        }
      }
      for (var d = 0u; d < COLUMNS; d++) {
        for (var j = 0u; j < BLOCK; j++) {
          let other = valueTile[at + j * COLUMNS + d];
          for (var r = 0u; r < ROWS; r++) {
            gradient[r][j] += inner(ownGradient[r][d], other);
          }
        }
      }
      for (var r = 0u; r < ROWS; r++) {
        let query = min(first + r * SPAN, params.queries - 1u);
        for (var j = 0u; j < BLOCK; j += 4u) {
          let kept = keptFour(batch, head, query, key + j);
          for (var i = 0u; i < 4u; i++) {
            let score = scoreOf(weight[r][j + i], batch, head, query, min(key + j + i, params.keys - 1u));
            let p = select(weightOf(score, largest[r]), 0.0, key + j + i >= params.keys) * factor[r];
            weight[r][j + i] = p * (kept[i] * gradient[r][j + i] - delta[r]);
          }
        }
      }
      for (var d = 0u; d < COLUMNS; d++) {
        var other: array<Value, BLOCK>;
        for (var j = 0u; j < BLOCK; j++) {
          other[j] = keyTile[at + j * COLUMNS + d];
        }
        for (var r = 0u; r < ROWS; r++) {
          var s = sum[r][d];
          for (var j = 0u; j < BLOCK; j++) {
            s += weight[r][j] * other[j];
          }
          sum[r][d] = s;
        }
      }
    }
  }

  for (var r = 0u; r < ROWS; r++) {
    let query = first + r * SPAN;
    if (firstPair + slot < pairCount() && query < params.queries) {
      for (var d = 0u; d < COLUMNS; d++) {
        storeGradients(0u, batch, head, query, d, params.scale * sum[r][d], Value());
      }
    }
  }
}
