// dbias[c, h, i, j] = sum over the batches b with b % biasBatch == c of p[b, h, i, j] * (dy[b, i, h] . v[b, j, h] - delta).
//
// q, k, v, dy as in forward.wgsl, the statistics those of delta.wgsl; dbias is [biasBatch, H, Tq, Tk] in f32, and axes
// along which the bias was broadcast are summed afterwards. One invocation owns one element and walks its batches, so
// that windows sharing a relative position bias need neither atomics nor a tensor with one bias per window.

@group(0) @binding(0) var<storage, read> q: array<Stored>;
@group(0) @binding(1) var<storage, read> k: array<Stored>;
@group(0) @binding(2) var<storage, read> v: array<Stored>;
@group(0) @binding(3) var<storage, read> dy: array<Stored>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<Bias>;
@group(0) @binding(6) var<storage, read> label: array<u32>;
@group(0) @binding(7) var<storage, read_write> dbias: array<f32>;

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
  let rows = params.batch * params.heads * params.queries;
  var sum = 0.0;
  for (var batch = entry; batch < params.batch; batch += params.biasBatch) {
    let left = ((batch * params.queries + query) * params.heads + head) * COLUMNS;
    let right = ((batch * params.keys + key) * params.heads + head) * COLUMNS;
    var product = 0.0;
    var dp = 0.0;
    for (var d = 0u; d < COLUMNS; d++) {
      product += inner(Value(q[left + d]), Value(k[right + d]));
      dp += inner(Value(dy[left + d]), Value(v[right + d]));
    }
    let row = (batch * params.heads + head) * params.queries + query;
    let score = scoreOf(product, batch, head, query, key);
    let p = select(exp(score - statistics[row]), 0.0, score <= excluded) * statistics[row + rows];
    sum += p * (dp - statistics[row + 2u * rows]);
  }
  dbias[i] = sum;
}
