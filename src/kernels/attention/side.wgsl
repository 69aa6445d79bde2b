// The side buffer of the gradient kernels: [3, B, H, Tq] of the largest score, 1 / sum of exp(score - largest), and
// delta = dy . y, the part of the softmax's gradient that all keys share; then the labels (their bits) and the rotary
// table, so that the gradients need few bindings.
//
// y and dy are [B, Tq, H, hd]. One invocation owns one query of one head, neighbours are neighbours in y; or one number
// to be copied. A query without any usable key has a sum of 0: its factor is 0, and with it every gradient. The header
// declares the bindings, labelAt and ropeNumber.

struct Params {
  heads: u32,
  queries: u32,
  rows: u32,   // batch * heads * queries
  labels: u32, // numbers
  angles: u32, // numbers in the rotary table
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.rows) {
    let copied = i - params.rows;
    if (copied < params.labels) {
      side[3u * params.rows + copied] = bitcast<f32>(labelAt(copied));
    } else if (copied < params.labels + params.angles) {
      side[3u * params.rows + copied] = ropeNumber(copied - params.labels);
    }
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
  side[row] = statistics[row];
  side[params.rows + row] = select(1.0 / total, 0.0, total == 0.0);
  side[2u * params.rows + row] = delta;
}
