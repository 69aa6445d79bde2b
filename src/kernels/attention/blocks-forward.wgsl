// y[b, i, h] = sum over j of softmax_j(scale * q[b, i, h] . k[b, j, h] + ...) v[b, j, h], in blocks of registers.
//
// Layouts and statistics as in forward.wgsl, tiles as in blocks-common.wgsl; own rows are queries. The largest score of a row is
// shared by the 8 invocations that have it once per tile; each keeps the sum of its own weights, which are put together at
// the end, since all of them are rescaled alike.

var<workgroup> edges: array<vec4f, GRID * GRID>; // [c, g]

fn ownAt(isRight: bool, batch: u32, head: u32, row: u32, column: u32) -> Value {
  return queryAt(batch, head, row, column);
}

fn walkedAt(isRight: bool, batch: u32, head: u32, row: u32, column: u32) -> Value {
  if (isRight) {
    return valueAt(batch, head, row, column);
  }
  return keyAt(batch, head, row, column);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tiles = (params.queries + OWN - 1u) / OWN;
  let task = group.y * groups.x + group.x;
  let pair = task / tiles;
  if (pair >= params.batch * params.heads) {
    return;
  }
  let own = Rows(pair / params.heads, pair % params.heads, task % tiles * OWN, params.queries);
  let firstOwn = own.first + lane / GRID * 4u;
  // Keys behind all of the workgroup's queries, or behind the end of its sequence, are no use.
  var end = params.keys;
  if (CAUSAL) {
    end = min(end, own.first + OWN);
  }
  if (LABELS == 3u) {
    end = min(end, labelAt(own.batch % params.labelBatch));
  }

  var sums: Sums;
  var largest = vec4f(excluded);
  var total = vec4f();
  stageResident(own, lane);
  for (var start = 0u; start < end; start += WALKED) {
    let walked = Rows(own.batch, own.head, start, params.keys);
    let key = start + lane % GRID * 4u;
    var block = products(false, own, walked, lane);
    var top = vec4f(excluded);
    for (var r = 0u; r < 4u; r++) {
      let query = min(firstOwn + r, params.queries - 1u);
      for (var j = 0u; j < 4u; j++) {
        let score = scoreOf(block[r][j], own.batch, own.head, query, min(key + j, params.keys - 1u));
        block[r][j] = select(score, excluded, key + j >= params.keys);
        top[r] = max(top[r], block[r][j]);
      }
    }
    edges[lane % GRID * GRID + lane / GRID] = top;
    workgroupBarrier();
    top = largest;
    for (var c = 0u; c < GRID; c++) {
      top = max(top, edges[c * GRID + lane / GRID]);
    }
    let decay = exp(largest - top);
    largest = top;
    total *= decay;
    for (var r = 0u; r < 4u; r++) {
      for (var j = 0u; j < 4u; j++) {
        block[r][j] = weightOf(block[r][j], top[r]);
        total[r] += block[r][j];
      }
      if (DROPOUT) {
        block[r] *= keptFour(own.batch, own.head, firstOwn + r, key);
      }
      for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        sums[chunk * 4u + r] *= decay[r];
      }
    }
    share(block, lane);
    addWalked(&sums, true, walked, lane);
  }

  workgroupBarrier();
  edges[lane % GRID * GRID + lane / GRID] = total;
  workgroupBarrier();
  total = vec4f();
  for (var c = 0u; c < GRID; c++) {
    total += edges[c * GRID + lane / GRID];
  }
  for (var r = 0u; r < 4u; r++) {
    let query = firstOwn + r;
    if (query < params.queries) {
      let factor = select(1.0 / total[r], 0.0, total[r] == 0.0);
      for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        let column = chunk * CHUNK + lane % GRID;
        if (column < COLUMNS) {
          storeValue(0u, queryIndex(own.batch, own.head, query) + column, sums[chunk * 4u + r] * factor);
        }
      }
      if (lane % GRID == 0u) {
        storeStatistics(0u, pair * params.queries + query, largest[r], total[r]);
      }
    }
  }
}
