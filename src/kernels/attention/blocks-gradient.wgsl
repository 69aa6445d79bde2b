// Gradients of attention in blocks of registers: the sums of gradient.wgsl, for queries (OF_QUERY) or for keys.
//
// Tiles as in blocks-common.wgsl. One walk: the products of both pairs of rows, then weights from the statistics of the forward
// pass, then their products with walked rows. dq takes three products, dk and dv four.

// (q or k, dy or v) of a row of one side.
fn rowAt(isQuery: bool, isRight: bool, batch: u32, head: u32, row: u32, column: u32) -> Value {
  if (isQuery) {
    if (isRight) {
      return Value(dy[queryIndex(batch, head, row) + column]);
    }
    return queryAt(batch, head, row, column);
  }
  if (isRight) {
    return valueAt(batch, head, row, column);
  }
  return keyAt(batch, head, row, column);
}

fn ownAt(isRight: bool, batch: u32, head: u32, row: u32, column: u32) -> Value {
  return rowAt(OF_QUERY, isRight, batch, head, row, column);
}

fn walkedAt(isRight: bool, batch: u32, head: u32, row: u32, column: u32) -> Value {
  return rowAt(!OF_QUERY, isRight, batch, head, row, column);
}

// What dropout multiplies a block by whose first own and walked rows these are.
fn keptBlock(batch: u32, head: u32, own: u32, walked: u32) -> Block {
  var block = Block();
  for (var i = 0u; i < 4u; i++) {
    if (OF_QUERY) {
      block[i] = keptFour(batch, head, own + i, walked);
    } else {
      let kept = keptFour(batch, head, walked + i, own);
      for (var r = 0u; r < 4u; r++) {
        block[r][i] = kept[r];
      }
    }
  }
  return block;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let ownCount = select(params.keys, params.queries, OF_QUERY);
  let walkedCount = select(params.queries, params.keys, OF_QUERY);
  let tiles = (ownCount + OWN - 1u) / OWN;
  let task = group.y * groups.x + group.x;
  let pair = task / tiles;
  if (pair >= params.batch * params.heads) {
    return;
  }
  let own = Rows(pair / params.heads, pair % params.heads, task % tiles * OWN, ownCount);
  let firstOwn = own.first + lane / GRID * 4u;
  // Keys behind all of the workgroup's queries or the end of its sequence, and queries before all of its keys, are no use.
  let begin = select(0u, own.first / WALKED * WALKED, CAUSAL && !OF_QUERY);
  var end = select(walkedCount, min(walkedCount, own.first + OWN), CAUSAL && OF_QUERY);
  if (LABELS == 3u && OF_QUERY) {
    end = min(end, labelAt(own.batch % params.labelBatch));
  }

  var leftSums: Sums;
  var rightSums: Sums;
  stageResident(own, lane);
  for (var start = begin; start < end; start += WALKED) {
    let walked = Rows(own.batch, own.head, start, walkedCount);
    let firstWalked = start + lane % GRID * 4u;
    var left = products(false, own, walked, lane);
    var right = products(true, own, walked, lane);
    let kept = keptBlock(own.batch, own.head, firstOwn, firstWalked);
    for (var r = 0u; r < 4u; r++) {
      let ownRow = min(firstOwn + r, ownCount - 1u);
      for (var j = 0u; j < 4u; j++) {
        let walkedRow = min(firstWalked + j, walkedCount - 1u);
        let query = select(walkedRow, ownRow, OF_QUERY);
        let key = select(ownRow, walkedRow, OF_QUERY);
        let row = rowIndex(own.batch, own.head, query);
        let score = scoreOf(left[r][j], own.batch, own.head, query, key);
        let weight = weightOf(score, largestOf(row)) * factorOf(row);
        let p = select(weight, 0.0, firstWalked + j >= walkedCount);
        left[r][j] = p * (kept[r][j] * right[r][j] - deltaOf(row));
        right[r][j] = kept[r][j] * p;
      }
    }
    share(left, lane);
    addWalked(&leftSums, false, walked, lane);
    if (!OF_QUERY) {
      workgroupBarrier();
      share(right, lane);
      addWalked(&rightSums, true, walked, lane);
    }
  }

  for (var r = 0u; r < 4u; r++) {
    let row = firstOwn + r;
    if (row < ownCount) {
      for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        let column = chunk * CHUNK + lane % GRID;
        if (column < COLUMNS) {
          let at = chunk * 4u + r;
          storeGradients(0u, own.batch, own.head, row, column, params.scale * leftSums[at], rightSums[at]);
        }
      }
    }
  }
}
