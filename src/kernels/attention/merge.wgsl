// Merges the attention over some keys into that over others: with M the larger of both largest scores,
// total = exp(largest - M) total + exp(largest' - M) total', and y the mean of both y, weighted by their terms.
//
// Layouts as in forward.wgsl. One invocation owns one row of y and its statistics, in place; rows are few where there are so many
// keys. A row without any usable key has a total of 0, and y of 0.

struct Params {
  heads: u32,
  queries: u32,
  rows: u32, // batch * heads * queries
}

@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * groups.x + group.x) * 64u + lane;
  if (row >= params.rows) {
    return;
  }
  let query = row % params.queries;
  let head = row / params.queries % params.heads;
  let batch = row / (params.queries * params.heads);
  let largest = max(statistics[row], moreStatistics[row]);
  let own = statistics[params.rows + row] * exp(statistics[row] - largest);
  let other = moreStatistics[params.rows + row] * exp(moreStatistics[row] - largest);
  let total = own + other;
  let factor = select(1.0 / total, 0.0, total == 0.0);
  let first = ((batch * params.queries + query) * params.heads + head) * COLUMNS;
  for (var d = first; d < first + COLUMNS; d++) {
    y[d] = Stored((Value(y[d]) * own + Value(more[d]) * other) * factor);
  }
  statistics[row] = largest;
  statistics[params.rows + row] = total;
}
