// The sums of bias-gradient.wgsl, several queries to an invocation.
//
// A workgroup owns ROWS queries by LANES keys of one head of the bias, an invocation one key and all ROWS queries, and walks the
// batches that share the bias: each read of a key and a value serves ROWS queries, and these come through workgroup
// memory, read by all invocations at once. Two barriers per batch, in uniform control flow.

var<workgroup> queryRows: array<Value, ROWS * COLUMNS>;
var<workgroup> gradientRows: array<Value, ROWS * COLUMNS>;
var<workgroup> statisticRows: array<vec3f, ROWS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let keyTiles = (params.keys + LANES - 1u) / LANES;
  let queryTiles = (params.queries + ROWS - 1u) / ROWS;
  let task = group.y * groups.x + group.x;
  let firstQuery = task / keyTiles % queryTiles * ROWS;
  let entryHead = task / (keyTiles * queryTiles);
  let head = entryHead % params.heads;
  let entry = entryHead / params.heads;
  if (entry >= params.biasBatch) {
    return;
  }
  let key = task % keyTiles * LANES + lane;
  let at = min(key, params.keys - 1u);
  var sum = array<f32, ROWS>();
  for (var batch = entry; batch < params.batch; batch += params.biasBatch) {
    workgroupBarrier();
    for (var i = lane; i < ROWS * COLUMNS; i += LANES) {
      let query = min(firstQuery + i / COLUMNS, params.queries - 1u);
      queryRows[i] = queryAt(batch, head, query, i % COLUMNS);
      gradientRows[i] = Value(dy[queryIndex(batch, head, query) + i % COLUMNS]);
    }
    for (var r = lane; r < ROWS; r += LANES) {
      let row = rowIndex(batch, head, min(firstQuery + r, params.queries - 1u));
      statisticRows[r] = vec3f(largestOf(row), factorOf(row), deltaOf(row));
    }
    workgroupBarrier();
    // Set to 0 in so many words: Dawn 0.6.2 keeps what a variable of a loop's body held in the round before.
    var product = array<f32, ROWS>();
    var dp = array<f32, ROWS>();
    for (var d = 0u; d < COLUMNS; d++) {
      let left = keyAt(batch, head, at, d);
      let right = valueAt(batch, head, at, d);
      for (var r = 0u; r < ROWS; r++) {
        product[r] += inner(queryRows[r * COLUMNS + d], left);
        dp[r] += inner(gradientRows[r * COLUMNS + d], right);
      }
    }
    for (var r = 0u; r < ROWS; r++) {
      let query = min(firstQuery + r, params.queries - 1u);
      let statistic = statisticRows[r];
      let p = weightOf(scoreOf(product[r], batch, head, query, at), statistic.x) * statistic.y;
      sum[r] += p * (dp[r] * kept(batch, head, query, at) - statistic.z);
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    if (firstQuery + r < params.queries && key < params.keys) {
      dbias[(entryHead * params.queries + firstQuery + r) * params.keys + key] = sum[r];
    }
  }
}
