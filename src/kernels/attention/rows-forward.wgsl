// y[b, i, h] = sum over j of softmax_j(scale * q[b, i, h] . k[b, j, h] + ...) v[b, j, h]: an invocation owns queries.
//
// Layouts and statistics as in forward.wgsl, ownership as in rows-common.wgsl. Queries and sums stay in registers (on a
// CPU: on the stack, as operands of the multiplications), the online softmax needs no exchange between invocations, and
// keys and values come through workgroup memory, where all invocations of a pair read the same element at a time: one
// load serves a vector of them times ROWS. BLOCK keys at a time, so that rescaling the sums is rare. Two barriers per TILE
// keys, in uniform control flow. Loops over ROWS, BLOCK and COLUMNS are meant to be unrolled by the compiler.
//
// Preconditions: TILE is a multiple of BLOCK, and BLOCK of 4; 2 * PACK * TILE * COLUMNS vectors fit in workgroup memory.

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
  var sum: array<array<Value, COLUMNS>, ROWS>;
  var largest: array<f32, ROWS>;
  var total: array<f32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    largest[r] = excluded;
    for (var d = 0u; d < COLUMNS; d++) {
      own[r][d] = queryAt(batch, head, min(first + r * SPAN, params.queries - 1u), d);
    }
  }
  for (var start = 0u; start < end; start += TILE) {
    stageKeys(firstPair, start, lane);
    for (var next = 0u; next < TILE && start + next < end; next += BLOCK) {
      let at = (slot * TILE + next) * COLUMNS;
      let key = start + next;
      // Set to 0 in so many words: Dawn 0.6.2 keeps what a variable of a loop's body held in the round before.
      var weight = array<array<f32, BLOCK>, ROWS>();
      for (var d = 0u; d < COLUMNS; d++) {
        for (var j = 0u; j < BLOCK; j++) {
          let other = keyTile[at + j * COLUMNS + d];
          for (var r = 0u; r < ROWS; r++) {
            weight[r][j] += inner(own[r][d], other);
          }
        }
      }
      var decay: array<f32, ROWS>;
      for (var r = 0u; r < ROWS; r++) {
        let query = min(first + r * SPAN, params.queries - 1u);
        var top = largest[r];
        for (var j = 0u; j < BLOCK; j++) {
          let score = scoreOf(weight[r][j], batch, head, query, min(key + j, params.keys - 1u));
          weight[r][j] = select(score, excluded, key + j >= params.keys);
          top = max(top, weight[r][j]);
        }
        decay[r] = exp(largest[r] - top);
        largest[r] = top;
        var added = 0.0;
        for (var j = 0u; j < BLOCK; j++) {
          weight[r][j] = weightOf(weight[r][j], top);
          added += weight[r][j];
        }
        total[r] = total[r] * decay[r] + added;
        if (DROPOUT) {
          for (var j = 0u; j < BLOCK; j += 4u) {
            let factor = keptFour(batch, head, query, key + j);
            for (var i = 0u; i < 4u; i++) {
              weight[r][j + i] *= factor[i];
            }
          }
        }
      }
      for (var d = 0u; d < COLUMNS; d++) {
        var other: array<Value, BLOCK>;
        for (var j = 0u; j < BLOCK; j++) {
          other[j] = valueTile[at + j * COLUMNS + d];
        }
        for (var r = 0u; r < ROWS; r++) {
          var s = sum[r][d] * decay[r];
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
      let factor = select(1.0 / total[r], 0.0, total[r] == 0.0);
      let row = queryIndex(batch, head, query);
      for (var d = 0u; d < COLUMNS; d++) {
        storeValue(0u, row + d, sum[r][d] * factor);
      }
      storeStatistics(0u, (batch * params.heads + head) * params.queries + query, largest[r], total[r]);
    }
  }
}
