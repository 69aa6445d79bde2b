// What the gradient kernels need per query: [3, B, H, Tq] of the largest score, 1 / sum of exp(score - largest), and
// delta = dy . y, the part of the softmax's gradient that all keys share.
//
// y and dy are [B, Tq, H, hd]. One invocation owns one query of one head; neighbours are neighbours in y. A query without
// any usable key has a sum of 0: its factor is 0, and with it every gradient.

struct Params {
  heads: u32,
  queries: u32,
  rows: u32, // batch * heads * queries
}

@group(0) @binding(0) var<storage, read> y: array<Stored>;
@group(0) @binding(1) var<storage, read> dy: array<Stored>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> extended: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.rows) {
    return;
  }
  let head = i % params.heads;
  let query = i / params.heads % params.queries;
  let batch = i / (params.heads * params.queries);
  let row = (batch * params.heads + head) * params.queries + query;
  var delta = 0.0;
  for (var d = 0u; d < COLUMNS; d++) {
    delta += inner(Value(y[i * COLUMNS + d]), Value(dy[i * COLUMNS + d]));
  }
  let total = statistics[params.rows + row];
  extended[row] = statistics[row];
  extended[params.rows + row] = select(1.0 / total, 0.0, total == 0.0);
  extended[2u * params.rows + row] = delta;
}
