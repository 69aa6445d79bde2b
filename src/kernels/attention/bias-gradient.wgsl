// dbias[c, h, i, j] = sum over the batches b with b % biasBatch == c of p[b, h, i, j] * (dy[b, i, h] . v[b, j, h] - delta).
//
// Layouts as in forward.wgsl, the side buffer that of side.wgsl; dbias is [biasBatch, H, Tq, Tk] in f32, and axes
// along which the bias was broadcast are summed afterwards. One invocation owns one element and walks its batches, so
// that windows sharing a relative position bias need neither atomics nor a tensor with one bias per window.

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let key = i % params.keys;
  let query = i / params.keys % params.queries;
  let head = i / (params.keys * params.queries) % params.heads;
  let entry = i / (params.keys * params.queries * params.heads);
  if (entry >= params.biasBatch) {
    return;
  }
  var sum = 0.0;
  for (var batch = entry; batch < params.batch; batch += params.biasBatch) {
    var product = 0.0;
    var dp = 0.0;
    for (var d = 0u; d < COLUMNS; d++) {
      product += inner(queryAt(batch, head, query, d), keyAt(batch, head, key, d));
      dp += inner(Value(dy[queryIndex(batch, head, query) + d]), valueAt(batch, head, key, d));
    }
    let row = rowIndex(batch, head, query);
    let p = weightOf(scoreOf(product, batch, head, query, key), largestOf(row)) * factorOf(row);
    sum += p * (dp * kept(batch, head, query, key) - deltaOf(row));
  }
  dbias[i] = sum;
}
